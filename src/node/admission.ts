/**
 * Whether this node may take an operation now. A refusal is given before anything was done, so
 * that what clients retry by themselves is honest.
 */
import type { Settings } from '../config.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { Args } from '../resp/args.js';
import type { Group, Origin, Refusal } from '../server/group.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import { execSpec, specByOpcode } from '../statemachine/keyspace-commands.js';
import type { StateMachine } from '../statemachine/state-machine.js';
import { forEachQueued } from '../statemachine/transaction.js';
import { Freshness } from './freshness.js';

export type ReadConsistency = 'linearizable' | 'lease' | 'local';

export interface AdmissionOptions {
  readonly core: () => RaftCore | null;
  readonly machine: () => StateMachine;
  readonly isLoading: () => boolean;
  /** Leadership is being handed over: what comes now waits. */
  readonly isHeld: () => boolean;
  readonly readConsistency: () => ReadConsistency;
  /** follower-writes is forward. */
  readonly forwards: () => boolean;
  /** This leader knows the users that leaders before it acknowledged. */
  readonly usersKnown: () => boolean;
  readonly leaseValid: () => boolean;
  readonly settings: Pick<Settings, 'watch'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export class Admission {
  private readonly freshness: Freshness;
  private readonly maxStaleness: () => string;

  constructor(private readonly options: AdmissionOptions) {
    const { core, clock, settings } = options;
    this.maxStaleness = settings.watch('max-staleness-ms');
    this.freshness = new Freshness({
      clock,
      contact: () => core()?.contact ?? null,
      lastApplied: () => core()?.lastApplied ?? 0,
    });
  }

  get settingsKnown(): Group['settingsKnown'] {
    if (this.options.isLoading()) return 'loading';
    return this.freshness.freshAtMs === Number.NEGATIVE_INFINITY ? 'recovered' : 'current';
  }

  tick(): void {
    this.freshness.tick();
  }

  write(spec: SpecBase, args: Args): Refusal | null {
    const core = this.options.core();
    if (this.options.isLoading()) return 'loading';
    if (core === null) return 'no-leader';
    if (core.role !== 'leader') return core.leader === null ? 'no-leader' : 'not-leader';
    // What older users were allowed must not get into the log any more.
    if (!this.options.usersKnown()) return 'overloaded';
    if (this.options.isHeld()) return 'overloaded';
    const full = core.transferring || core.uncommittedBytes >= limits.uncommittedBytesMax;
    return full ? 'overloaded' : this.memory(spec, args);
  }

  read(origin: Origin): Refusal | null {
    const core = this.options.core();
    if (this.options.isLoading()) return 'loading';
    if (core === null) return 'no-leader';
    if (core.role === 'leader') return this.options.isHeld() ? 'overloaded' : null;
    if (this.isLocal(origin)) return this.freshEnough() ? null : 'overloaded';
    if (core.leader === null) return 'no-leader';
    return this.options.forwards() ? null : 'not-leader';
  }

  /** May be answered from what is applied here, without asking anybody. */
  needsNoRound(origin: Origin): boolean {
    if (this.options.core()?.role !== 'leader') return this.isLocal(origin);
    const consistency = this.options.readConsistency();
    if (consistency === 'local') return true;
    return consistency === 'lease' && this.options.leaseValid();
  }

  /** What is applied here will do, now or after what the client waits for. */
  readsLocally(origin: Origin): boolean {
    const leads = this.options.core()?.role === 'leader';
    return leads ? this.options.readConsistency() === 'local' : this.isLocal(origin);
  }

  /** On a follower: the client, or the operator, allows stale reads. */
  private isLocal(origin: Origin): boolean {
    return origin.stale || this.options.readConsistency() === 'local';
  }

  /** Before anything is logged: apply never answers OOM, or replicas could differ. */
  private memory(spec: SpecBase, args: Args): Refusal | null {
    const { keyspace } = this.options.machine();
    if (keyspace.maxmemory === 0 && keyspace.maxkeys === 0) return null;
    if (!mayGrow(spec, args)) return null;
    if (!keyspace.canMakeRoom()) return 'out-of-memory';
    if (keyspace.maxmemory === 0) return null;
    const size = args.end(args.count - 1) - args.start(0);
    return size > keyspace.maxmemory ? 'too-large' : null;
  }

  /** What a follower holds is older than max-staleness-ms, as far as it knows: no stale reads. */
  private freshEnough(): boolean {
    // Not a time of this turn: it may have begun before the node was stopped for a while.
    const ageMs = this.options.clock.monotonicMs() - this.freshness.freshAtMs;
    return ageMs <= Number(this.maxStaleness());
  }
}

/** Redis: denyoom; of EXEC, what it carries out. */
function mayGrow(spec: SpecBase, args: Args): boolean {
  if (spec !== execSpec) return spec.flags.includes('denyoom');
  let grows = false;
  forEachQueued(args, (opcode) => {
    grows ||= specByOpcode(opcode).flags.includes('denyoom');
  });
  return grows;
}
