/**
 * The digest of the state machine: a hash of exactly the bytes that a snapshot at this index
 * holds, so equal digests mean equal replicas down to the order of eviction. Walked a chunk per
 * turn over a copy-on-write view, so that millions of keys do not stop the event loop.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../ports.js';
import type { StateMachine } from '../statemachine/state-machine.js';
import { closeView } from './close-view.js';

export interface StateDigest {
  readonly index: number;
  /** 40 hex digits. */
  readonly digest: string;
}

/** The newest digest asked for of each machine; keeps nothing alive. */
const underWay = new WeakMap<StateMachine, Promise<StateDigest>>();

/** One at a time: a snapshot needs a view too, and their number is bounded. */
export function digestOf(machine: StateMachine, clock: Clock): Promise<StateDigest> {
  const next = () => walk(machine, clock);
  const digest = underWay.get(machine)?.then(next, next) ?? next();
  underWay.set(machine, digest);
  return digest;
}

async function walk(machine: StateMachine, clock: Clock): Promise<StateDigest> {
  const index = machine.appliedIndex;
  const view = machine.openSnapshot();
  const hash = createHash('sha1');
  try {
    for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
      hash.update(chunk);
      await new Promise<void>((resolve) => clock.nextTurn(resolve));
    }
  } finally {
    await closeView(view, clock);
  }
  return { index, digest: hash.digest('hex') };
}
