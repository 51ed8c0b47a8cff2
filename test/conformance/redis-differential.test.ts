/**
 * The same seeded random commands to a redis-server and to a cluster of one tgcache node, over
 * RESP2 and RESP3. DIFFERENTIAL_COMMANDS and DIFFERENTIAL_SEED make it a soak.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../cluster/harness.js';
import { random } from '../statemachine/keyspace-helpers.js';
import { CommandGenerator, keyNames } from './command-generator.js';
import { RedisProcess, redisVersion } from './redis-process.js';
import { ReplyComparison } from './reply-comparison.js';
import { type Command, type Reply, RespPipe } from './resp-pipe.js';

const commandsWanted = Number(process.env.DIFFERENTIAL_COMMANDS ?? 30_000);
const firstSeed = Number(process.env.DIFFERENTIAL_SEED ?? 1);
const sequenceLength = 100;
const prelude: readonly Command[] = [['DISCARD'], ['UNWATCH'], ['FLUSHALL'], ['SELECT', '0']];
const version = redisVersion();
if (version === null) console.warn('redis-differential: skipped, there is no redis-server');

interface Pair {
  readonly redis: RespPipe;
  readonly tgcache: RespPipe;
}

interface Difference {
  readonly at: number;
  readonly theirs: Reply;
  readonly ours: Reply;
}

async function firstDifference(pair: Pair, commands: readonly Command[]) {
  const all = [...prelude, ...commands];
  const [theirs, ours] = await Promise.all([pair.redis.ask(all), pair.tgcache.ask(all)]);
  const comparison = new ReplyComparison();
  for (let at = prelude.length; at < all.length; at++) {
    if (comparison.matches(all[at]!, theirs[at]!, ours[at]!)) continue;
    return { at: at - prelude.length, theirs: theirs[at]!, ours: ours[at]! };
  }
  return null;
}

/** Leaves out what the difference does not need: halves first, single commands in the end. */
async function shrink(pair: Pair, failing: readonly Command[]): Promise<readonly Command[]> {
  let commands = failing;
  for (let size = commands.length >> 1; size > 0; size >>= 1) {
    for (let from = 0; from + size <= commands.length; ) {
      const fewer = commands.filter((_, at) => at < from || at >= from + size);
      const found = await firstDifference(pair, fewer);
      if (found === null) from += size;
      else commands = fewer.slice(0, found.at + 1);
    }
  }
  return commands;
}

async function report(pair: Pair, seed: number, commands: readonly Command[], found: Difference) {
  const shortest = await shrink(pair, commands.slice(0, found.at + 1));
  const { theirs, ours } = (await firstDifference(pair, shortest)) ?? found;
  const lines = shortest.map((words) => words.map((word) => JSON.stringify(word)).join(' '));
  const replies = [`redis   ${JSON.stringify(theirs.raw)}`, `tgcache ${JSON.stringify(ours.raw)}`];
  return [`seed ${seed}`, ...lines, ...replies].join('\n');
}

function sequence(seed: number): Command[] {
  const generator = new CommandGenerator(random(Math.imul(seed, 2_654_435_761)));
  const commands: Command[] = [];
  while (commands.length < sequenceLength) commands.push(...generator.next());
  return commands;
}

/** All keys that SCAN gives until its cursor is 0 again. */
async function fullScan(pipe: RespPipe, ...options: string[]): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [reply] = await pipe.ask([['SCAN', cursor, ...options]]);
    const [next, keys] = reply!.elements!;
    cursor = next!.raw.split('\r\n')[1]!;
    for (const { raw } of keys!.elements!) found.add(raw);
  } while (cursor !== '0');
  return [...found].sort();
}

describe.skipIf(version === null)(`the same replies as Redis ${version}`, () => {
  let redis: RedisProcess;
  let cluster: TestCluster;

  beforeAll(async () => {
    redis = await RedisProcess.start();
    cluster = await TestCluster.start({ nodes: 1, set: ['durability=os'] });
  });
  afterAll(async () => {
    await cluster?.destroy();
    await redis?.stop();
  });

  async function withPair(protocol: 2 | 3, run: (pair: Pair) => Promise<void>): Promise<void> {
    const pair = {
      redis: await RespPipe.open(redis.port, protocol),
      tgcache: await RespPipe.open(cluster.port('n1'), protocol),
    };
    try {
      await run(pair);
    } finally {
      pair.redis.close();
      pair.tgcache.close();
    }
  }

  it.each([2, 3] as const)(
    'RESP%i: random commands',
    (protocol) =>
      withPair(protocol, async (pair) => {
        const differences: string[] = [];
        let sent = 0;
        for (let seed = firstSeed + protocol - 2; sent < commandsWanted / 2; seed += 2) {
          const commands = sequence(seed);
          const found = await firstDifference(pair, commands);
          if (found !== null) differences.push(await report(pair, seed, commands, found));
          if (differences.length >= 5) break;
          sent += commands.length;
        }
        console.log(`RESP${protocol}: ${sent} commands compared with Redis ${version}`);
        expect(differences.join('\n\n')).toBe('');
      }),
    60_000 + commandsWanted,
  );

  it.each([
    { options: [] },
    { options: ['COUNT', '1'] },
    { options: ['COUNT', '7', 'MATCH', '*1*'] },
    { options: ['MATCH', 'key:[0-4]?', 'TYPE', 'STRING'] },
    { options: ['TYPE', 'list', 'COUNT', '100'] },
  ])('SCAN $options gives every key in the end', ({ options }) =>
    withPair(2, async (pair) => {
      const names = [...keyNames, ...Array.from({ length: 200 }, (_, at) => `key:${at}`)];
      const fill = [['FLUSHALL'], ['MSET', ...names.flatMap((name) => [name, 'v'])]];
      await Promise.all([pair.redis.ask(fill), pair.tgcache.ask(fill)]);
      expect(await fullScan(pair.tgcache, ...options)).toEqual(
        await fullScan(pair.redis, ...options),
      );
    }),
  );
});
