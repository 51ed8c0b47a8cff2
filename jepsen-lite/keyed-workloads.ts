/**
 * Workloads whose operations concern one key each: the checker judges them key by key. Every
 * written value is unique. A key takes a bounded number of operations, then a new one takes its
 * place: outcomes that are not known pile up and make a long history hard to judge.
 */
import { type Client, outcomeOf } from './client.js';
import { Recorder } from './recorder.js';
import {
  closeAll,
  makeClients,
  readEverywhere,
  type Workload,
  type WorkloadContext,
} from './workload.js';

const clientsPerWorkload = 5;
const activeKeys = 2;

interface Key {
  readonly name: string;
  uses: number;
  /** A value that it held not long ago. */
  seen: string | null;
}

class Keys {
  readonly all: Key[] = [];
  private readonly active: Key[] = [];

  constructor(
    private readonly prefix: string,
    private readonly context: WorkloadContext,
    private readonly usesMax: number,
  ) {
    for (let at = 0; at < activeKeys; at++) this.active.push(this.fresh());
  }

  pick(): Key {
    const at = this.context.random.next() % activeKeys;
    if (this.active[at]!.uses >= this.usesMax) this.active[at] = this.fresh();
    const key = this.active[at]!;
    key.uses++;
    return key;
  }

  private fresh(): Key {
    const name = `${this.prefix}:${this.context.phase}:${this.all.length}`;
    const key: Key = { name, uses: 0, seen: null };
    this.all.push(key);
    return key;
  }
}

type Step = (client: Client, key: Key, dice: number, unique: string) => Promise<unknown>;

/** `settles` is false where keys change though nobody writes: then local reads may be stale. */
function keyed(
  name: string,
  usesMax: number,
  makeStep: (context: WorkloadContext) => Step,
  settles = true,
) {
  return (context: WorkloadContext): Workload => {
    const keys = new Keys(name, context, usesMax);
    const clients = makeClients(context, clientsPerWorkload);
    const step = makeStep(context);
    let written = 0;
    const next = (client: Client) => async () => {
      const key = keys.pick();
      await step(client, key, context.random.next() % 100, `v${written++}`);
    };
    return {
      name,
      steps: clients.map(next),
      finish: async () => {
        const look = async (client: Client) => {
          for (const key of keys.all) await read(client, key);
        };
        if (settles) await readEverywhere(context, look);
        else await Promise.all(clients.map(look));
      },
      close: () => closeAll(clients),
    };
  };
}

async function read(client: Client, key: Key): Promise<void> {
  const result = await client.command(key.name, 'read', undefined, ['GET', key.name]);
  if (result?.st === 'ok' && typeof result.r === 'string') key.seen = result.r;
}

async function write(client: Client, key: Key, value: string): Promise<void> {
  key.seen = value;
  await client.command(key.name, 'write', value, ['SET', key.name, value]);
}

/** WATCH, GET, MULTI, SET, EXEC. Until EXEC is sent nothing can have happened. */
function compareAndSet(client: Client, key: Key, from: string, to: string) {
  return client.operation(key.name, 'cas', [from, to], async (exchange) => {
    const looked = await exchange(['WATCH', key.name], ['GET', key.name]);
    if (looked.kind !== 'done') return { st: 'fail' };
    if (looked.replies[1] !== from) {
      const undone = await exchange(['UNWATCH']);
      return undone.kind === 'done' ? { st: 'ok', r: false } : { st: 'fail' };
    }
    const set = await exchange(['MULTI'], ['SET', key.name, to], ['EXEC']);
    if (set.kind !== 'done') return outcomeOf(set);
    // Aborted: somebody touched the key; that does not say what it held.
    return set.replies[2] === null ? { st: 'fail' } : { st: 'ok', r: true };
  });
}

export const register = keyed('register', 100, () => async (client, key, dice, unique) => {
  if (dice < 45) return read(client, key);
  if (dice < 70 || key.seen === null) return write(client, key, unique);
  return compareAndSet(client, key, key.seen, unique);
});

export const counter = keyed('counter', 80, () => async (client, key, dice) => {
  if (dice < 30) return read(client, key);
  const delta = 1 + (dice % 3);
  return client.command(key.name, 'incr', delta, ['INCRBY', key.name, String(delta)]);
});

export const setIfAbsent = keyed('set-if-absent', 80, () => async (client, key, dice, unique) => {
  const { name } = key;
  if (dice < 25) return read(client, key);
  if (dice < 60) {
    const isSet = (reply: unknown) => reply === 'OK';
    return client.command(name, 'setnx', unique, ['SET', name, unique, 'NX'], isSet);
  }
  if (dice < 80) return client.command(name, 'del', undefined, ['DEL', name]);
  if (dice < 90) return client.command(name, 'getset', unique, ['SET', name, unique, 'GET']);
  return client.command(name, 'getdel', undefined, ['GETDEL', name]);
});

export const append = keyed('append', 60, () => async (client, key, dice, unique) => {
  if (dice < 40) return read(client, key);
  return client.command(key.name, 'sappend', `,${unique}`, ['APPEND', key.name, `,${unique}`]);
});

/**
 * The bound of a life, stated: a stamp is made between call and return, the log's clock runs true
 * to 1 %, and so much is left for stamps in whole ms. Late also by the time a stamp was on its way
 * when its receiver became leader, and by the time until an entry carries the end of the life.
 */
const slew = 0.01;
const earlyMs = 5;
const lateMs = 3000;

export const timeToLive = (stallMsMax: number) => keyed('ttl', 40, liveStep(stallMsMax), false);

const liveStep =
  (stallMsMax: number) =>
  ({ history, random }: WorkloadContext): Step =>
  async (client, key, dice, unique) => {
    const { name } = key;
    if (dice < 75) return read(client, key);
    if (dice < 80) return write(client, key, unique);
    const lifeMs = 50 + (random.next() % 1500);
    const from = Recorder.now();
    const words = ['SET', name, unique, 'PX', String(lifeMs)];
    const result = await client.command(name, 'write', unique, words);
    if (result === null || result.st === 'fail') return;
    const call = from + Math.round((lifeMs * (1 - slew) - earlyMs) * 1e6);
    const late = lifeMs * (1 + slew) + lateMs + stallMsMax;
    const ret = Recorder.now() + Math.round(late * 1e6);
    const { st } = result;
    history.add({ p: history.newProcess(), k: name, f: 'expire', a: unique, call, ret, st });
  };
