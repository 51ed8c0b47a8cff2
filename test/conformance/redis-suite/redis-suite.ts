/**
 * `npm run redis-suite -- --suite DIR`: Redis' own Tcl suite in external-server mode, test by test,
 * against a cluster of one node and against redis-server; prints passed and total of each file and
 * every test that fails here. The suite is no part of this project: DIR is the top of Redis'
 * source of version 7.0, e.g. of Debian's source package `redis`.
 */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { commandsOfLaterTypes, compare, runUnit, type UnitResult } from './comparison.js';
import { reasonOf } from './reasons.js';
import type { UnitRun } from './suite-events.js';
import { startNode, startRedis } from './suite-servers.js';
import { units } from './units.js';

const program = new Command('redis-suite')
  .requiredOption('--suite <DIR>', "top of Redis' source, version 7.0")
  .option('--newer <DIR>', 'source of version 7.2, for tests whose expectations it changed')
  .option('--unit <NAME...>', 'only these files, e.g. unit/expire')
  .option('--json <FILE>', 'the results as JSON too')
  .parse();
const options = program.opts<{ suite: string; newer?: string; unit?: string[]; json?: string }>();
const suite = path.resolve(options.suite);
if (!existsSync(path.join(suite, 'tests', 'test_helper.tcl'))) {
  program.error(`${suite} holds no tests/test_helper.tcl: get Redis' source of version 7.0 first`);
}

function tell({ unit, passed, total, redisPassed, otherTypes, ...result }: UnitResult): void {
  const left = otherTypes > 0 ? `, ${otherTypes} need other types` : '';
  const newer = result.newer > 0 ? `, ${result.newer} of them as 7.2 has them` : '';
  console.log(`${unit}: ${passed}/${total}${newer} (redis-server passes ${redisPassed}${left})`);
  for (const { test, why } of [...result.failures, ...result.ignored]) {
    const reason = reasonOf(unit, test);
    console.log(`  - ${test}: ${reason?.reason ?? `UNEXPLAINED: ${why.slice(0, 300)}`}`);
  }
  for (const text of result.between) console.log(`  between tests: ${text.slice(0, 300)}`);
}

/** Null when every test passes as it is, or there is no newer suite. */
async function asNewer(unit: string, redis: UnitRun, own: UnitRun): Promise<UnitRun | null> {
  const { newer } = options;
  const differs = [...redis.tests].some(
    ([test, { kind }]) => kind === 'passed' && own.tests.get(test)?.kind !== 'passed',
  );
  if (newer === undefined || !differs) return null;
  return runUnit(startNode, { suite: path.resolve(newer), unit });
}

const oracle = await startRedis();
const later = await commandsOfLaterTypes(oracle.port);
await oracle.stop();
const results: UnitResult[] = [];
for (const unit of options.unit ?? units) {
  const place = { suite, unit };
  const [redis, own] = await Promise.all([runUnit(startRedis, place), runUnit(startNode, place)]);
  const newer = await asNewer(unit, redis, own);
  const result = compare(unit, redis, own, newer, later);
  tell(result);
  results.push(result);
}
const sum = (of: (result: UnitResult) => number) =>
  results.reduce((all, each) => all + of(each), 0);
const [passed, total] = [sum((each) => each.passed), sum((each) => each.total)];
console.log(`all: ${passed}/${total} (${((100 * passed) / total).toFixed(1)} %)`);
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(results, null, 1));
