/** The parts of `npm run bench` that are not loads: each prints its figures by itself. */
import type { Command } from 'commander';
import { benchFailover } from './failover.js';
import { benchHits, type HitsOptions } from './hits/hits.js';
import { benchMemory } from './memory.js';
import { benchProfile } from './profile.js';
import { writeJson } from './report.js';
import { benchRestart } from './restart.js';
import { benchStalls } from './stalls.js';

const million = '1000000';

export function addOtherBenches(program: Command): void {
  program
    .command('hits')
    .description("hit ratios against Redis' policies at equal capacity")
    .option('--only <text>', 'workloads whose name holds this text')
    .option('--policy <name>', 'maxmemory-policy of ours', 'allkeys-tlru')
    .option(
      '--rate <n>',
      'requests per second, which decides what a window of touches holds',
      '10000',
    )
    .option('--live <minutes>', 'also a sample over RESP, against redis-server, paced', '0')
    .option('--json <file>', 'write all figures')
    .action(async (options: HitsOptions & { readonly json?: string }) => {
      const cells = await benchHits(options);
      if (options.json !== undefined) writeJson(options.json, cells);
    });
  program
    .command('stalls')
    .description('latencies and event loop during snapshots and an expiry storm')
    .option('--rounds <n>', 'with and without a snapshot in turns', '5')
    .option('--keys <n>', 'keys held', million)
    .action(({ rounds, keys }: { rounds: string; keys: string }) =>
      benchStalls({ rounds: Number(rounds), keys: Number(keys) }),
    );
  program
    .command('memory')
    .description('resident memory per key against redis-server')
    .option('--more', 'also with 10,000,000 keys')
    .action(({ more }: { more?: true }) =>
      benchMemory(more === true ? [1_000_000, 10_000_000] : [1_000_000]),
    );
  program
    .command('failover')
    .description('from the fault of a leader to the next acknowledged write')
    .option('--rounds <n>', 'times per kind of fault', '20')
    .option('--only <text>', 'faults whose name holds this text', '')
    .action(({ rounds, only }: { rounds: string; only: string }) =>
      benchFailover(Number(rounds), only),
    );
  program
    .command('restart')
    .description('all nodes killed at once: until they serve again')
    .option('--keys <n>', 'keys held', million)
    .action(({ keys }: { keys: string }) => benchRestart(Number(keys)));
  program
    .command('profile')
    .description('where the time of a command goes, on the leader and on a follower')
    .option('--load <name>', 'SET, GET, 90/10, INCR, MSET10', 'SET')
    .option('--pipeline <n>', 'commands on their way per connection', '16')
    .option('--connections <n>', 'connections', '50')
    .option('--seconds <n>', 'length of the load', '5')
    .option('--top <n>', 'functions to print', '30')
    .option('--out <dir>', 'where profiles and flame graphs are kept', 'bench-profiles')
    .option('--set <setting...>', 'NAME=VALUE for the nodes', [])
    .action(benchProfile);
}
