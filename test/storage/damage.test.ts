/**
 * A whole data directory, damaged in every way a disk can: what starts holds the same state to the
 * last entry, everything else is refused. Never less data, never a wrong value (requirement 5).
 * TGCACHE_EVERY_BYTE=1 tries each byte and each length; otherwise some of them.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TgError } from '../../src/errors.js';
import { recover } from '../../src/node/recovery.js';
import type { Entry } from '../../src/raft/types.js';
import { Args } from '../../src/resp/args.js';
import { nullSink } from '../../src/resp/reply-sink.js';
import { BatchWriter } from '../../src/statemachine/batch-format.js';
import { keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { append, configuration, metaAt } from '../conformance/log-store.js';

const options = { nodeId: 'n1', durability: 'os' } as const;
const everyByte = process.env.TGCACHE_EVERY_BYTE === '1';
const triesPerFile = 20;
/** A damaged version byte looks like a newer format. */
const refusals = ['CORRUPT', 'UNKNOWN_FORMAT'];
const snapshotAt = 60;
const compactedThrough = 40;
const lastIndex = 100;

const set = keyspaceSpecs.find(({ name }) => name === 'set')!;

function commandEntry(index: number): Entry {
  const writer = new BatchWriter();
  writer.begin();
  for (const key of [`k${index % 17}`, `only${index}`]) {
    const args = new Args();
    args.reset(Buffer.from(`${key}value of ${index}`));
    args.push(0, 0);
    args.push(0, key.length);
    args.push(key.length, args.bytes.length);
    writer.append(set.opcode, args);
  }
  const data = writer.finish(1_700_000_000_000 + index, index);
  return { index, term: 1 + Math.floor(index / 30), kind: 'command', data, configuration: null };
}

function apply(machine: StateMachine, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.index <= machine.appliedIndex) continue;
    const commands = machine.beginEntry(entry.index, entry.data);
    for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
    machine.endEntry();
  }
}

function digestOf(machine: StateMachine): string {
  const hash = createHash('sha1').update(String(machine.appliedIndex));
  const view = machine.openSnapshot();
  for (let chunk = view.next(); chunk !== null; chunk = view.next()) hash.update(chunk);
  view.close();
  return hash.digest('hex');
}

/** Log, snapshot, compaction and several openings, so that LevelDB has tables and logs. */
async function build(dir: string): Promise<string> {
  const entries = Array.from({ length: lastIndex }, (_, at) => commandEntry(at + 1));
  const machine = new StateMachine();
  for (const [from, to] of [[0, 30] as const, [30, 70] as const, [70, lastIndex] as const]) {
    const directory = await DataDirectory.open(dir, options);
    await directory.setClusterId('cluster');
    const store = directory.logStore(1);
    await store.load(1e6);
    for (let at = from; at < to; at += 5) await store.write(append(entries.slice(at, at + 5)));
    apply(machine, entries.slice(0, Math.min(to, snapshotAt)));
    if (from === 30) await saveSnapshot(directory, machine);
    if (from === 70) await store.compact(compactedThrough, metaOf(snapshotAt));
    await directory.close();
  }
  apply(machine, entries);
  return digestOf(machine);
}

const metaOf = (index: number) => metaAt(index, 1 + Math.floor(index / 30));

async function saveSnapshot(directory: DataDirectory, machine: StateMachine): Promise<void> {
  const snapshots = await directory.snapshotStore(1);
  const writer = await snapshots.stage(metaOf(machine.appliedIndex));
  const view = machine.openSnapshot();
  for (let chunk = view.next(); chunk !== null; chunk = view.next()) await writer.write(chunk);
  view.close();
  await writer.commit();
}

/** The digest of what a start brings back, or the code of the refusal. */
async function outcome(dir: string): Promise<string> {
  let directory: DataDirectory | null = null;
  try {
    directory = await DataDirectory.open(dir, options);
    const { log, machine } = await recover(directory.logStore(1), await directory.snapshotStore(1));
    apply(machine, log.entries);
    return `${digestOf(machine)} ${log.hardState.term} ${log.hardState.votedFor}`;
  } catch (error) {
    if (error instanceof TgError) return error.code;
    throw error;
  } finally {
    await directory?.close();
  }
}

describe('a damaged data directory', () => {
  let dir: string;
  let copy: string;
  let intact: string;
  let files: string[];

  beforeAll(async () => {
    expect(configuration.voters).toEqual(['n1']);
    dir = mkdtempSync(path.join(tmpdir(), 'tgcache-damage-'));
    copy = mkdtempSync(path.join(tmpdir(), 'tgcache-damage-'));
    const digest = await build(dir);
    intact = `${digest} 4 n1`;
    files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
      (name) => statSync(path.join(dir, name)).isFile() && !/LOCK|LOG/.test(name),
    );
  });

  afterAll(() => {
    for (const made of [dir, copy]) rmSync(made, { recursive: true, force: true });
  });

  async function outcomeWith(name: string, bytes: Buffer | null): Promise<string> {
    rmSync(copy, { recursive: true, force: true });
    cpSync(dir, copy, { recursive: true });
    if (bytes === null) rmSync(path.join(copy, name));
    else writeFileSync(path.join(copy, name), bytes);
    return outcome(copy);
  }

  function places(length: number): number[] {
    const step = everyByte ? 1 : Math.max(1, Math.floor(length / triesPerFile));
    return Array.from({ length: Math.ceil(length / step) }, (_, at) => at * step);
  }

  it('starts whole when nothing happened to it', async () => {
    expect(files.length).toBeGreaterThan(8);
    const first = files[0]!;
    expect(await outcomeWith(first, readFileSync(path.join(dir, first)))).toBe(intact);
  });

  it('requirement 5: one byte flipped in each file', async () => {
    for (const name of files) {
      const bytes = readFileSync(path.join(dir, name));
      for (const at of places(bytes.length)) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << (at % 8);
        expect([intact, ...refusals], `${name} byte ${at}`).toContain(
          await outcomeWith(name, changed),
        );
      }
    }
  });

  it('requirement 5: each file cut or deleted', async () => {
    for (const name of files) {
      const bytes = readFileSync(path.join(dir, name));
      for (const length of places(bytes.length)) {
        const cut = bytes.subarray(0, length);
        expect([intact, ...refusals], `${name} cut to ${length}`).toContain(
          await outcomeWith(name, cut),
        );
      }
      expect([intact, ...refusals], `${name} deleted`).toContain(await outcomeWith(name, null));
    }
  });

  it('requirement 42: a crash at each step of a snapshot and its compaction', async () => {
    rmSync(copy, { recursive: true, force: true });
    cpSync(dir, copy, { recursive: true });
    const directory = await DataDirectory.open(copy, options);
    const log = directory.logStore(1);
    const snapshots = await directory.snapshotStore(1);
    const { machine, log: restored } = await recover(log, snapshots);
    apply(machine, restored.entries.slice(0, 90 - restored.beforeIndex));
    const crash = mkdtempSync(path.join(tmpdir(), 'tgcache-damage-'));
    /** What a process that is killed now leaves behind. */
    const afterKill = async (step: string) => {
      rmSync(crash, { recursive: true, force: true });
      cpSync(copy, crash, { recursive: true });
      expect(await outcome(crash), step).toBe(intact);
    };
    const writer = await snapshots.stage(metaOf(machine.appliedIndex));
    await afterKill('staged');
    const view = machine.openSnapshot();
    let chunks = 0;
    for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
      await writer.write(chunk);
      await afterKill(`${++chunks} chunks`);
    }
    view.close();
    await writer.commit();
    await afterKill('committed');
    await log.compact(85, metaOf(90));
    await afterKill('compacted');
    expect(chunks).toBeGreaterThan(2);
    await directory.close();
    rmSync(crash, { recursive: true, force: true });
  });
});
