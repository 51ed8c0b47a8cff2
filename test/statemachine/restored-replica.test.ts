/**
 * A replica that is restored from snapshots again and again stays equal to one that applied
 * everything: with ghosts, recency, touches, expiry and a clock that jumps by hours (requirements
 * 32, 43).
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nullSink } from '../../src/resp/reply-sink.js';
import {
  BatchWriter,
  encodePulse,
  encodeSettings,
  encodeTouchEntry,
} from '../../src/statemachine/batch-format.js';
import { StateMachine, StateMachineRestorer } from '../../src/statemachine/state-machine.js';
import { encodeTouches } from '../../src/statemachine/touches.js';
import { generator } from '../raft/support.js';
import { argsOf, specOf } from './words.js';

const hourMs = 3_600_000;
type Random = (bound: number) => number;

function chunksOf(machine: StateMachine): Uint8Array[] {
  const view = machine.openSnapshot();
  const chunks: Uint8Array[] = [];
  for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
    chunks.push(new Uint8Array(chunk));
  }
  view.close();
  return chunks;
}

function digest(machine: StateMachine): string {
  const hash = createHash('sha1');
  for (const chunk of chunksOf(machine)) hash.update(chunk);
  return hash.digest('hex');
}

function restored(machine: StateMachine): StateMachine {
  const restorer = new StateMachineRestorer();
  for (const chunk of chunksOf(machine)) restorer.chunk(chunk);
  return restorer.finish();
}

function append(writer: BatchWriter, words: readonly string[]): void {
  writer.append(specOf(words[0]!).opcode, argsOf(...words));
}

function randomWords(random: Random): string[] {
  const key = `k${random(3000)}`;
  const kind = random(9);
  if (kind === 0) return ['del', key];
  if (kind === 1) return ['append', key, 'x'.repeat(random(3000))];
  const ttlMs = 1 + random(random(2) === 0 ? 5000 : 11 * hourMs);
  const ttl = random(3) === 0 ? [] : ['PX', String(ttlMs)];
  return ['set', key, 'v'.repeat(random(400)), ...ttl];
}

class Replicas {
  readonly whole = new StateMachine();
  copy = new StateMachine();
  stampMs = 1_700_000_000_000;

  constructor(private readonly random: Random) {}

  apply(data: Uint8Array): void {
    for (const machine of [this.whole, this.copy]) {
      const commands = machine.beginEntry(machine.appliedIndex + 1, data);
      for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
      machine.endEntry();
    }
  }

  step(): void {
    const { random } = this;
    const jump = random(100);
    if (jump < 2) this.stampMs += hourMs * (1 + random(30));
    else if (jump < 4) this.stampMs -= 2 * hourMs;
    else this.stampMs += random(50);
    const kind = random(20);
    if (kind < 14) this.commands();
    else if (kind < 17) this.apply(encodePulse(this.stampMs, random(2 ** 30)));
    else this.touches();
  }

  private commands(): void {
    const writer = new BatchWriter();
    writer.begin();
    for (let left = 1 + this.random(8); left > 0; left--) append(writer, randomWords(this.random));
    this.apply(new Uint8Array(writer.finish(this.stampMs, this.random(2 ** 30))));
  }

  private touches(): void {
    const { random } = this;
    const slots = new Set(Array.from({ length: 40 }, () => random(2500)));
    const validAt = (this.whole.keyspace.changes - random(50)) >>> 0;
    const batch = { validAt, slots: Int32Array.from(slots).sort() };
    this.apply(encodeTouchEntry(this.stampMs, random(2 ** 30), encodeTouches(batch)));
  }
}

describe('a replica restored from snapshots', () => {
  it.each([
    ['allkeys-tlru', '0', '700'],
    ['allkeys-tlru', '300000', '0'],
    ['volatile-tlru', '300000', '0'],
    ['tlru-due', '0', '700'],
    ['noeviction', '0', '0'],
  ])(
    'requirement 43: stays equal under %s, maxmemory %s, maxkeys %s',
    (policy, maxmemory, maxkeys) => {
      const random = generator(maxkeys.length + policy.length);
      const replicas = new Replicas(random);
      const limits = { maxmemory, maxkeys, 'maxmemory-policy': policy };
      const settings = Object.entries({ ...limits, 'default-ttl': '0', 'max-ttl': '0' });
      replicas.apply(encodeSettings(replicas.stampMs, 1, settings));
      for (let step = 0; step < 600; step++) {
        replicas.step();
        if (step % 60 === 0) replicas.copy = restored(replicas.copy);
      }
      expect(replicas.whole.keyspace.expired).toBeGreaterThan(0);
      expect(digest(replicas.copy)).toBe(digest(replicas.whole));
    },
  );
});
