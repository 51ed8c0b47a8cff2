/**
 * Reads that may be answered from what is applied here, for as long as the turn goes on: sixteen
 * are carried out together, since the keyspace finds keys quicker that it knows of beforehand. No
 * client can tell, as replies leave at the end of the turn: whatever else happens for an origin
 * comes after run(). A lease need not last until then: what was acknowledged when the read was
 * handed over is applied here, and what is applied meanwhile is newer.
 */
import { limits } from '../limits.js';
import { Args } from '../resp/args.js';
import type { Origin } from '../server/group.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';
import { AHEAD_MAX } from '../statemachine/hash-index.js';
import { DeferredOps, type Prefetch } from './deferred-ops.js';
import type { Execute } from './operation-queue.js';

export class TurnReads {
  private ops = new DeferredOps();
  private readonly args = new Args();
  /** Whose read came last. */
  private last: Origin | null = null;

  constructor(
    private readonly execute: Execute,
    private readonly prefetch: Prefetch,
  ) {}

  /** False: it is not worth a copy, or something else is pending for the origin. */
  push(origin: Origin, spec: KeyspaceSpec, args: Args): boolean {
    const isLarge = args.byteLength > limits.turnReadBytesMax;
    if (isLarge || (origin !== this.last && origin.pending > 0)) {
      this.run();
      if (isLarge || origin.pending > 0) return false;
    }
    this.ops.push(origin, spec, args, 0);
    origin.pending++;
    this.last = origin;
    if (this.ops.size >= AHEAD_MAX) this.run();
    return true;
  }

  run(): void {
    if (this.ops.size === 0) return;
    this.last = null;
    this.ops.run(0, this.executeAt, this.prefetch);
    this.ops = this.ops.emptied();
  }

  private readonly executeAt = (ops: DeferredOps, at: number) => {
    ops.load(at, this.args);
    this.execute(ops, at, this.args);
  };
}
