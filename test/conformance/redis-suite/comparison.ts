/** What of one file of Redis' suite counts, and how the node did beside redis-server. */
import { type Reply, RespPipe } from '../resp-pipe.js';
import { reasonOf } from './reasons.js';
import { UnitEvents, type UnitPlace, type UnitRun } from './suite-events.js';
import { hasDatabases, type StartServer } from './suite-servers.js';

export interface Failure {
  readonly test: string;
  readonly why: string;
}

export interface UnitResult {
  readonly unit: string;
  /** Tests that redis-server passes. */
  readonly redisPassed: number;
  /** Of those, the ones that need a data type which does not exist here yet. */
  readonly otherTypes: number;
  /** Of those that count, the ones that could not be tried here. */
  readonly ignored: readonly Failure[];
  readonly passed: number;
  /** Of those, the ones that fail as 7.0 has them and pass as a newer version has them. */
  readonly newer: number;
  /** What counts: redis-server passes it, and strings are enough. */
  readonly total: number;
  readonly failures: readonly Failure[];
  /** Errors between tests, at the node only. */
  readonly between: readonly string[];
}

/** More tests that hang in one file are a fault of another kind. */
const hangsMax = 12;
const laterCategories: readonly string[] = [
  ...['@hash', '@list', '@set', '@sortedset', '@stream', '@scripting', '@hyperloglog', '@geo'],
];

/** Commands of data types that do not exist here yet, as redis-server describes its commands. */
export async function commandsOfLaterTypes(port: number): Promise<ReadonlySet<string>> {
  const pipe = await RespPipe.open(port, 2);
  const [table] = await pipe.ask([['COMMAND']]);
  pipe.close();
  const isLater = ({ elements }: Reply): boolean =>
    elements![6]!.elements!.some(({ raw }) => laterCategories.includes(raw.slice(1).trim())) ||
    elements![9]!.elements!.some(isLater);
  const later = table!.elements!.filter(isLater);
  return new Set(later.map((command) => command.elements![0]!.raw.split('\r\n')[1]!));
}

/** The whole file; begins again without the test that hangs, as often as needed. */
export async function runUnit(
  start: StartServer,
  place: Pick<UnitPlace, 'suite' | 'unit'>,
): Promise<UnitRun> {
  const hung: string[] = [];
  for (;;) {
    const server = await start();
    const events = new UnitEvents();
    try {
      const { port } = server;
      const singledb = !(await hasDatabases(port));
      await events.run({ ...place, host: '127.0.0.1', port, singledb }, hung);
    } finally {
      await server.stop();
    }
    if (events.hung === null || hung.length >= hangsMax) {
      const hangs = hung.map((name) => [name, { kind: 'failed', why: 'hangs' }] as const);
      return { tests: new Map([...events.tests, ...hangs]), between: events.between };
    }
    hung.push(events.hung);
  }
}

export function compare(
  unit: string,
  redis: UnitRun,
  own: UnitRun,
  newer: UnitRun | null,
  later: ReadonlySet<string>,
): UnitResult {
  const ignored: Failure[] = [];
  const failures: Failure[] = [];
  let [redisPassed, otherTypes, passed, changed] = [0, 0, 0, 0];
  for (const [test, verdict] of redis.tests) {
    if (verdict.kind !== 'passed') continue;
    redisPassed++;
    const mine = own.tests.get(test) ?? { kind: 'failed', why: 'was not reached' };
    const needsLater = reasonOf(unit, test)?.needsLaterType === true;
    if (verdict.commands.some((name) => later.has(name))) otherTypes++;
    else if (mine.kind === 'passed') passed++;
    else if (needsLater) otherTypes++;
    else if (newer?.tests.get(test)?.kind === 'passed') changed++;
    else (mine.kind === 'ignored' ? ignored : failures).push({ test, why: mine.why });
  }
  const between = own.between.filter((text) => !redis.between.includes(text));
  passed += changed;
  const total = passed + failures.length + ignored.length;
  const counts = { redisPassed, otherTypes, passed, newer: changed, total };
  return { unit, ...counts, ignored, failures, between };
}
