/** Bugs in the core, most of them from requirement 66. */

import { GroupDriver } from '../../../src/node/group-driver.js';
import { Intake } from '../../../src/node/intake.js';
import { Durability } from '../../../src/raft/durability.js';
import { Follower } from '../../../src/raft/follower.js';
import { Leader } from '../../../src/raft/leader.js';
import { RaftLog } from '../../../src/raft/log.js';
import { RaftCore } from '../../../src/raft/raft.js';
import { LeaderReads } from '../../../src/raft/read-index.js';
import { CoreState } from '../../../src/raft/state.js';
import type { SnapshotMeta } from '../../../src/raft/types.js';
import { SimDisk } from '../sim-disk.js';
import { type Inside, type Plant, replace, together } from './plant.js';

const voteNotSynced = replace(
  Durability,
  'takeWrite',
  (take: Inside) =>
    function (this: Inside) {
      const write = take.call(this);
      return { ...write, sync: write.entries.length > 0 };
    },
);

const ackBeforeFsync = replace(
  CoreState,
  'acknowledge',
  () =>
    function (this: Inside, to: string, index: number) {
      this.messages.push(this.appendResponse(to, true, index, 0, 0));
    },
);

const oldTermByCount = replace(
  Leader,
  'advanceCommit',
  (advance: Inside) =>
    function (this: Inside) {
      const { log, term } = this.state;
      log.termAt = () => term;
      advance.call(this);
      delete log.termAt;
    },
);

const readWithoutRound = replace(
  Leader,
  'requestRead',
  (request: Inside) =>
    function (this: Inside, token: number, from: string | null) {
      if (this.readyToServe) this.answerRead(token, from, this.state.log.committed);
      else request.call(this, token, from);
    },
);

const roundReused = replace(
  LeaderReads,
  'add',
  () =>
    function (this: Inside, token: number, from: string | null, index: number) {
      this.waiting.push({ token, from, index, round: Math.max(1, this.round) });
    },
);

const truncateOnAnyAppend = replace(
  Follower,
  'appendNew',
  (append: Inside) =>
    function (this: Inside, message: Inside) {
      const { log } = this.state;
      const from = Math.max(message.prevLogIndex, log.committed) + 1;
      if (from <= log.lastIndex) this.state.truncateFrom(from);
      append.call(this, message);
    },
);

const lastTermIgnored = replace(
  RaftCore,
  'stepVoteRequest',
  (step: Inside) =>
    function (this: Inside, message: Inside) {
      step.call(this, { ...message, lastLogTerm: this.state.log.lastTerm });
    },
);

const firstMeta = new WeakMap<object, SnapshotMeta>();
const snapshotWithoutConfiguration = replace(
  GroupDriver,
  'snapshotMeta',
  (make: Inside) =>
    function (this: Inside) {
      const meta = make.call(this);
      const first = firstMeta.get(this) ?? meta;
      firstMeta.set(this, first);
      return { ...meta, configuration: first.configuration };
    },
);

const twoChangesAtOnce = replace(
  Leader,
  'changeConfiguration',
  (change: Inside) =>
    function (this: Inside, wanted: Inside) {
      const ready = this.readyToServe;
      this.readyToServe = true;
      Object.defineProperty(this, 'latestIsCommitted', { value: true, configurable: true });
      const result = change.call(this, wanted);
      delete this.latestIsCommitted;
      this.readyToServe = ready;
      return result;
    },
);

const stableBeyondTruncation = replace(
  RaftLog,
  'truncateFrom',
  (truncate: Inside) =>
    function (this: Inside, index: number) {
      const { stable } = this;
      truncate.call(this, index);
      this.stable = stable;
    },
);

const always = () => () => true;
const wipedMemberVotes = together(
  replace(CoreState, 'isOwnDirectory', always),
  replace(CoreState, 'mayVote', always),
  replace(Intake, 'isMember', always),
);

const noCheckQuorum = replace(
  Leader,
  'tick',
  (tick: Inside) =>
    function (this: Inside) {
      const { roles } = this;
      this.roles = { ...roles, becomeFollower: () => {} };
      tick.call(this);
      this.roles = roles;
    },
);

const restoreKeepsOldLog = replace(
  RaftLog,
  'restore',
  (restore: Inside) =>
    function (this: Inside, meta: SnapshotMeta, keepsLog: boolean) {
      restore.call(this, meta, keepsLog);
      if (!keepsLog) this.beforeTerm = 0;
    },
);

/** As `durability os`, which acknowledges what a power loss takes away. */
const nothingSynced = replace(
  SimDisk,
  'submit',
  (submit: Inside) =>
    function (this: Inside, ...asked: unknown[]) {
      this.syncs = false;
      return submit.apply(this, asked);
    },
);

export const consensusBugs: Readonly<Record<string, Plant>> = {
  'vote not synced': voteNotSynced,
  'ack before fsync': ackBeforeFsync,
  'nothing is synced': nothingSynced,
  'old-term commit by count': oldTermByCount,
  'read without a round': readWithoutRound,
  'round id reused': roundReused,
  'truncate on any append': truncateOnAnyAppend,
  'last term ignored': lastTermIgnored,
  'snapshot without configuration': snapshotWithoutConfiguration,
  'two changes at once': twoChangesAtOnce,
  'truncation: still counted as durable': stableBeyondTruncation,
  'a wiped member votes': wipedMemberVotes,
  'no check-quorum': noCheckQuorum,
  'term forgotten at a snapshot': restoreKeepsOldLog,
};
