/** Bugs in the replicated state: what makes it depend on more than the log. */
import { GroupRunner } from '../../../src/node/group-runner.js';
import { Keyspace } from '../../../src/statemachine/keyspace.js';
import { LocalReadContext } from '../../../src/statemachine/machine-context.js';
import { OpenViews } from '../../../src/statemachine/paged-region.js';
import { StateMachine, StateMachineRestorer } from '../../../src/statemachine/state-machine.js';
import { TouchCollector } from '../../../src/statemachine/touches.js';
import { MemorySnapshotStore } from '../../../src/storage/memory-snapshot-store.js';
import { type Inside, type Plant, replace, together } from './plant.js';

/** The wall clock of the node that applies an entry. */
let applierWallMs = 0;
const ttlByLocalClock = together(
  replace(
    GroupRunner,
    'applyEntry',
    (apply: Inside) =>
      function (this: Inside, entry: Inside) {
        applierWallMs = this.options.clock.wallMs();
        return apply.call(this, entry);
      },
  ),
  replace(
    Keyspace,
    'advance',
    (advance: Inside) =>
      function (this: Inside, nowMs: number) {
        advance.call(this, Math.max(nowMs, Math.floor(applierWallMs)));
      },
  ),
);

const settingsLeftOut = replace(
  StateMachineRestorer,
  'finish',
  (finish: Inside) =>
    function (this: Inside) {
      const { keyspace, appliedIndex } = finish.call(this);
      return new StateMachine(keyspace, appliedIndex);
    },
);

const evictionByLocalReads = replace(
  LocalReadContext,
  'find',
  (find: Inside) =>
    function (this: Inside, args: Inside, index: number) {
      const slot = find.call(this, args, index);
      if (slot >= 0) this.keyspace.touch(slot);
      return slot;
    },
);

const touchesUnsorted = replace(
  TouchCollector,
  'drain',
  (drain: Inside) =>
    function (this: Inside, keyspace: Inside) {
      return drain.call(this, keyspace).reverse();
    },
);

const viewWithoutCopies = replace(OpenViews, 'save', () => () => {});

const snapshotOfLaterState = replace(
  MemorySnapshotStore,
  'stage',
  (stage: Inside) =>
    function (this: Inside, meta: Inside) {
      return stage.call(this, { ...meta, lastIncludedIndex: meta.lastIncludedIndex - 1 });
    },
);

export const stateBugs: Readonly<Record<string, Plant>> = {
  'TTL by local clock': ttlByLocalClock,
  'settings left out of the snapshot': settingsLeftOut,
  'eviction order follows local reads': evictionByLocalReads,
  'touch batch not sorted': touchesUnsorted,
  'snapshot view without copies': viewWithoutCopies,
  'snapshot said to be of an earlier index': snapshotOfLaterState,
};
