/**
 * `node dist/test/sim/soak.js [--minutes N | --seconds N] [--seeds N] [--first-seed S]
 * [--workers K] [--json]`: runs seeds from S on and prints what was covered. Exit code 1 when a
 * seed failed, with one line for each that repeats it.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.js';
import { describe } from './covered.js';

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} needs a number above 0, not ${text}`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seeds: { type: 'string' },
      'first-seed': { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
    },
  });
  const { minutes, seconds, seeds, json } = values;
  const timed = minutes !== undefined || seconds !== undefined;
  const secondsAsked =
    minutes !== undefined
      ? 60 * positive('minutes', minutes)
      : positive('seconds', seconds ?? 'Infinity');
  const covered = await runCampaign({
    firstSeed: positive('first-seed', values['first-seed']),
    seeds: positive('seeds', seeds ?? (timed ? 'Infinity' : '1000')),
    seconds: secondsAsked,
    workers: positive('workers', values.workers),
    onFailure: ({ command, what }) => console.log(`FAILED: ${command}  # ${what}`),
    onProgress: (totals) => console.error(`so far: ${describe(totals)}`),
  });
  const { totals, failures } = covered;
  if (json) console.log(JSON.stringify({ ...totals, failures }));
  else console.log(`${describe(totals)}, failures ${failures}`);
  if (failures > 0) process.exitCode = 1;
}

await main();
