/**
 * Brings a node back from its data directory: the newest complete snapshot, then the log above
 * it. A crash may have come between a received snapshot and the log that follows it; then the
 * snapshot, which was durable first, decides (requirements 6, 42, 46).
 */
import { TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { LogStore, SnapshotStore } from '../ports.js';
import type { RestoredLog, SnapshotMeta } from '../raft/types.js';
import { StateMachine, StateMachineRestorer } from '../statemachine/state-machine.js';

export interface Recovered {
  readonly log: RestoredLog;
  readonly machine: StateMachine;
}

export async function recover(logStore: LogStore, snapshots: SnapshotStore): Promise<Recovered> {
  const latest = await snapshots.latest();
  let log = await logStore.load(limits.logWindowBytesMax);
  checkBase(log, latest);
  if (latest !== null && latest.lastIncludedIndex > (log.snapshot?.lastIncludedIndex ?? 0)) {
    if (matches(log, latest)) log = { ...log, snapshot: latest };
    else {
      await logStore.reset(latest);
      log = await logStore.load(limits.logWindowBytesMax);
    }
  }
  return { log, machine: await restoreMachine(snapshots, latest) };
}

/** The log was compacted under a snapshot that is not there any more. */
function checkBase(log: RestoredLog, latest: SnapshotMeta | null): void {
  const base = log.snapshot?.lastIncludedIndex ?? 0;
  const have = latest?.lastIncludedIndex ?? 0;
  if (have >= base) return;
  throw new TgError(
    'CORRUPT',
    `the log rests on a snapshot at index ${base}, but the newest one is at ${have}; ` +
      'delete the data directory to let the node come back from the others',
  );
}

/** Does the log hold, or is it based on, the entry that ends the snapshot? */
function matches(log: RestoredLog, snapshot: SnapshotMeta): boolean {
  const { lastIncludedIndex: index, lastIncludedTerm: term } = snapshot;
  if (index === log.beforeIndex) return log.beforeTerm === term;
  const entry = log.entries[index - log.beforeIndex - 1];
  if (entry !== undefined) return entry.term === term;
  // Outside the window: entries below it were durable here before the snapshot was taken.
  return index < log.beforeIndex && index >= log.firstIndex;
}

async function restoreMachine(
  snapshots: SnapshotStore,
  meta: SnapshotMeta | null,
): Promise<StateMachine> {
  if (meta === null) return new StateMachine();
  const restorer = new StateMachineRestorer();
  for await (const chunk of snapshots.read(meta)) restorer.chunk(chunk);
  return finishRestore(restorer, meta);
}

/** @throws TgError CORRUPT when the chunks hold the state of another index than they came under. */
export function finishRestore(restorer: StateMachineRestorer, meta: SnapshotMeta): StateMachine {
  const machine = restorer.finish();
  if (machine.appliedIndex === meta.lastIncludedIndex) return machine;
  const text = `a snapshot at ${meta.lastIncludedIndex} holds the state at ${machine.appliedIndex}`;
  throw new TgError('CORRUPT', text);
}
