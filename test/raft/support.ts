/** Small builders for tests of the core: configurations, restored logs, entries, messages. */
import type { RaftConfig } from '../../src/raft/config.js';
import type { Effects, LogWrite } from '../../src/raft/effects.js';
import type { Message } from '../../src/raft/messages.js';
import { RaftCore } from '../../src/raft/raft.js';
import type {
  Configuration,
  Entry,
  LogIndex,
  Member,
  NodeId,
  RestoredLog,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.js';

/** mulberry32: the same numbers for the same seed everywhere. */
export function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * bound);
  };
}

export function memberOf(id: NodeId): Member {
  return { id, peerAddress: `127.0.0.1:1${id.slice(1)}`, incarnation: `${id}-1` };
}

export function configurationOf(
  voters: readonly NodeId[],
  learners: readonly NodeId[] = [],
  outgoing: readonly NodeId[] = [],
): Configuration {
  const ids = [...new Set([...voters, ...learners, ...outgoing])];
  return { voters, outgoing, learners, members: ids.map(memberOf) };
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function command(term: Term, index: LogIndex, text = `c${index}`): Entry {
  return { term, index, kind: 'command', data: bytes(text), configuration: null };
}

export function configEntry(term: Term, index: LogIndex, configuration: Configuration): Entry {
  return { term, index, kind: 'config', data: new Uint8Array(0), configuration };
}

export interface LogSpec {
  readonly configuration?: Configuration | null;
  /** Terms of the entries from index 2 on; index 1 is the bootstrap configuration in term 1. */
  readonly terms?: readonly Term[];
  readonly term?: Term;
  readonly votedFor?: NodeId | null;
  readonly commit?: LogIndex;
}

/** A log without snapshot: entry 1 names the members, the rest are commands of given terms. */
export function restoredLog(spec: LogSpec): RestoredLog {
  const configuration = spec.configuration ?? null;
  const first = configuration === null ? [] : [configEntry(1, 1, configuration)];
  const rest = (spec.terms ?? []).map((term, at) => command(term, at + 1 + first.length));
  const entries = [...first, ...rest];
  const lastTerm = entries[entries.length - 1]?.term ?? 0;
  return {
    hardState: {
      term: spec.term ?? lastTerm,
      votedFor: spec.votedFor ?? null,
      commit: spec.commit ?? 0,
    },
    snapshot: null,
    entries,
    beforeIndex: 0,
    beforeTerm: 0,
    firstIndex: 1,
    configurations: first,
  };
}

export function snapshotLog(
  meta: SnapshotMeta,
  terms: readonly Term[] = [],
  term: Term = meta.lastIncludedTerm,
): RestoredLog {
  return {
    hardState: { term: Math.max(term, ...terms), votedFor: null, commit: meta.lastIncludedIndex },
    snapshot: meta,
    entries: terms.map((t, at) => command(t, meta.lastIncludedIndex + 1 + at)),
    beforeIndex: meta.lastIncludedIndex,
    beforeTerm: meta.lastIncludedTerm,
    firstIndex: meta.lastIncludedIndex + 1,
    configurations: [],
  };
}

export function configFor(id: NodeId, changes: Partial<RaftConfig> = {}): RaftConfig {
  return {
    id,
    group: 1,
    electionTicks: 10,
    heartbeatTicks: 2,
    random: () => 9,
    appendBytesMax: 1 << 20,
    inflightBytesMax: 1 << 22,
    inflightAppendsMax: 16,
    uncommittedBytesMax: 1 << 22,
    committedBytesMax: 1 << 20,
    logWindowBytesMax: 1 << 22,
    logWritesMax: 1,
    readTokensMax: 16,
    ...changes,
  };
}

/** A write may be on its way beside others only when all of them append. */
export function checkWriteBeside(pending: readonly LogWrite[], write: LogWrite): void {
  if (pending.length === 0 || (write.appends && pending.every((one) => one.appends))) return;
  throw new Error('a second write in flight');
}

/** One core under test, with a disk that completes when told to. */
export class Bench {
  readonly core: RaftCore;
  readonly sent: Message[] = [];
  readonly applied: Entry[] = [];
  readonly reads: { token: number; index: LogIndex }[] = [];
  readonly old: Effects['oldEntries'][number][] = [];
  readonly snapshots: NodeId[] = [];
  readonly wanted: NonNullable<Effects['committedWanted']>[] = [];
  readonly writes: LogWrite[] = [];
  /** On their way to the disk, oldest first. */
  readonly inFlight: LogWrite[] = [];

  constructor(
    readonly id: NodeId,
    restored: RestoredLog,
    changes: Partial<RaftConfig> = {},
  ) {
    this.core = new RaftCore(configFor(id, changes), restored);
  }

  get pending(): LogWrite | null {
    return this.inFlight[0] ?? null;
  }

  /** Carries out effects but leaves the write pending. */
  pump(): this {
    while (this.core.hasEffects()) {
      const effects = this.core.takeEffects();
      this.sent.push(...effects.messages);
      this.reads.push(...effects.reads);
      this.old.push(...effects.oldEntries);
      this.snapshots.push(...effects.snapshots);
      if (effects.committedWanted !== null) this.wanted.push(effects.committedWanted);
      if (effects.write !== null) {
        checkWriteBeside(this.inFlight, effects.write);
        this.inFlight.push(effects.write);
        this.writes.push(effects.write);
      }
      for (const entry of effects.committed) {
        this.applied.push(entry);
        this.core.applied(entry.index);
        this.core.tellCommit(entry.index);
      }
    }
    return this;
  }

  /** Completes the pending write and what follows from it, until the disk is idle. */
  sync(): this {
    this.pump();
    while (this.inFlight.length > 0) this.syncOnce();
    return this;
  }

  syncOnce(): this {
    const write = this.inFlight.shift();
    if (write === undefined) throw new Error('no write in flight');
    this.core.written(write.seq);
    this.sent.push(...write.afterwards);
    return this.pump();
  }

  tick(times = 1): this {
    for (let i = 0; i < times; i++) {
      this.core.tick();
      this.pump();
    }
    return this;
  }

  step(message: DistributivePartial): this {
    this.core.step({ group: 1, to: this.id, ...message } as Message);
    return this.pump();
  }

  /** Messages sent since the last call, of one kind. */
  take<K extends Message['kind']>(kind: K): Extract<Message, { kind: K }>[] {
    const found = this.sent.filter((m): m is Extract<Message, { kind: K }> => m.kind === kind);
    const rest = this.sent.filter((m) => m.kind !== kind);
    this.sent.length = 0;
    this.sent.push(...rest);
    return found;
  }

  forget(): this {
    this.sent.length = 0;
    return this;
  }
}

type WithoutAddress<M> = M extends Message ? Omit<M, 'group' | 'to'> : never;
export type DistributivePartial = WithoutAddress<Message>;

export const three = configurationOf(['n1', 'n2', 'n3']);

/** Past the time in which a started node stands by a leader it may have had. */
export function awake(bench: Bench): Bench {
  return bench.tick(10).forget();
}

/** A leader of term 2 (or later) with its no-op appended, durable and committed. */
export function leaderBench(
  configuration: Configuration = three,
  changes: Partial<RaftConfig> = {},
  terms: readonly Term[] = [],
): Bench {
  const bench = new Bench('n1', restoredLog({ configuration, terms, commit: 1 }), changes);
  elect(bench);
  const peers = configuration.voters.filter((id) => id !== 'n1');
  for (const from of peers) ack(bench, from, bench.core.lastLogIndex);
  bench.sync().forget();
  return bench;
}

/** Ticks to an election and grants everything until it leads; the no-op is durable. */
export function elect(bench: Bench): void {
  const voters = bench.core.status().configuration.voters.filter((id) => id !== bench.id);
  bench.tick(19).sync();
  for (const preVote of [true, false]) {
    const requestTerm = preVote ? bench.core.term + 1 : bench.core.term;
    for (const from of voters) {
      const term = preVote ? bench.core.term : requestTerm;
      bench.step({ kind: 'vote-response', from, term, preVote, granted: true, requestTerm });
      if (bench.core.role === (preVote ? 'candidate' : 'leader')) break;
    }
    bench.sync();
  }
  if (bench.core.role !== 'leader') throw new Error(`not elected: ${bench.core.role}`);
}

export function ack(bench: Bench, from: NodeId, index: LogIndex): Bench {
  return bench.step({
    kind: 'append-response',
    from,
    term: bench.core.term,
    success: true,
    index,
    hintIndex: 0,
    hintTerm: 0,
  });
}

export function append(
  bench: Bench,
  term: Term,
  prev: readonly [Term, LogIndex],
  terms: readonly Term[] | readonly Entry[],
  leaderCommit = 0,
  from: NodeId = 'n2',
): Bench {
  const [prevLogTerm, prevLogIndex] = prev;
  const entries = terms.map((one, at) =>
    typeof one === 'number' ? command(one, prevLogIndex + 1 + at) : one,
  );
  const body = { prevLogTerm, prevLogIndex, leaderCommit, entries };
  return bench.step({ kind: 'append-request', from, term, ...body });
}

export function heartbeat(
  bench: Bench,
  term: Term,
  round = 1,
  leaderCommit = 0,
  from: NodeId = 'n2',
  committed = leaderCommit,
  answered = 0,
): Bench {
  const told = { leaderCommit, committed, answered };
  return bench.step({ kind: 'heartbeat-request', from, term, round, ...told });
}
