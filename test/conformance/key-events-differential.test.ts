/**
 * The same seeded random commands to a redis-server and to a node: both must publish the same
 * keyspace notifications. Without "expired": Redis finds out when it looks at a key.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../cluster/harness.js';
import { RawClient } from '../server/harness.js';
import { random } from '../statemachine/keyspace-helpers.js';
import { CommandGenerator } from './command-generator.js';
import { RedisProcess, redisVersion } from './redis-process.js';
import { type Command, RespPipe, readReply } from './resp-pipe.js';

const commandsWanted = Number(process.env.DIFFERENTIAL_COMMANDS ?? 10_000);
const firstSeed = Number(process.env.DIFFERENTIAL_SEED ?? 1);
const flags = 'Eg$nm';
const version = redisVersion();
if (version === null) console.warn('key-events-differential: skipped, there is no redis-server');

/** Sends commands to one server, and listens to it. */
class Watched {
  private constructor(
    private readonly pipe: RespPipe,
    private readonly listener: RawClient,
  ) {}

  static async open(port: number): Promise<Watched> {
    const pipe = await RespPipe.open(port, 2);
    await pipe.ask([['CONFIG', 'SET', 'notify-keyspace-events', flags]]);
    const listener = await RawClient.open(port);
    listener.send('PSUBSCRIBE __keyevent*\r\nSUBSCRIBE end\r\n');
    await listener.until(() => listener.received.endsWith(':2\r\n'));
    return new Watched(pipe, listener);
  }

  /** The events of all commands in order. */
  async run(commands: readonly Command[]): Promise<string[]> {
    const { listener, pipe } = this;
    listener.received = '';
    await pipe.ask([...commands, ['DISCARD'], ['PUBLISH', 'end', 'of']]);
    await listener.until(() => listener.received.endsWith('$3\r\nend\r\n$2\r\nof\r\n'));
    const events: string[] = [];
    for (let at = 0; at < listener.received.length; ) {
      const { reply, end } = readReply(listener.received, at)!;
      const [kind, , channel, key] = reply.elements!.map(({ raw }) => raw);
      if (kind!.includes('pmessage')) events.push(`${channel}${key}`.replaceAll('\r\n', ' '));
      at = end;
    }
    return events;
  }

  close(): void {
    this.pipe.close();
    this.listener.close();
  }
}

const prelude: readonly Command[] = [['DISCARD'], ['UNWATCH'], ['FLUSHALL'], ['SELECT', '0']];

describe.skipIf(version === null)(`the same notifications as Redis ${version}`, () => {
  let redis: RedisProcess;
  let cluster: TestCluster;
  let theirs: Watched;
  let ours: Watched;

  beforeAll(async () => {
    redis = await RedisProcess.start();
    cluster = await TestCluster.start({ nodes: 1, set: ['durability=os'] });
    theirs = await Watched.open(redis.port);
    ours = await Watched.open(cluster.port('n1'));
  });
  afterAll(async () => {
    theirs?.close();
    ours?.close();
    await cluster?.destroy();
    await redis?.stop();
  });

  async function same(commands: readonly Command[]): Promise<boolean> {
    const all = [...prelude, ...commands];
    const [them, us] = await Promise.all([theirs.run(all), ours.run(all)]);
    return them.join() === us.join();
  }

  /** Leaves out what the difference does not need. */
  async function shrink(failing: readonly Command[]): Promise<readonly Command[]> {
    let commands = failing;
    for (let size = commands.length >> 1; size > 0; size >>= 1) {
      for (let from = 0; from + size <= commands.length; ) {
        const fewer = commands.filter((_, at) => at < from || at >= from + size);
        if (await same(fewer)) from += size;
        else commands = fewer;
      }
    }
    return commands;
  }

  it(
    'random commands',
    async () => {
      let sent = 0;
      for (let seed = firstSeed; sent < commandsWanted; seed++) {
        const generator = new CommandGenerator(random(Math.imul(seed, 2_654_435_761)));
        const commands: Command[] = [];
        // Exception: Redis' SCAN with TYPE misses keys that it has not found to be expired.
        while (commands.length < 100) {
          commands.push(...generator.next().filter(([name]) => !/^scan$/i.test(name!)));
        }
        sent += commands.length;
        if (await same(commands)) continue;
        const shortest = await shrink(commands);
        const all = [...prelude, ...shortest];
        expect({ seed, shortest, events: await ours.run(all) }).toEqual({
          seed,
          shortest,
          events: await theirs.run(all),
        });
      }
      console.log(`notifications of ${sent} commands compared with Redis ${version}`);
    },
    60_000 + commandsWanted * 2,
  );
});
