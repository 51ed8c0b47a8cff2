/** Bugs between the log and the clients, and between the nodes. */

import { DeferredOps } from '../../../src/node/deferred-ops.js';
import { Forwarder } from '../../../src/node/forwarder.js';
import { LeaseGuard } from '../../../src/node/lease-guard.js';
import { LogClock } from '../../../src/node/log-clock.js';
import { OperationQueue } from '../../../src/node/operation-queue.js';
import { Pulse } from '../../../src/node/pulse.js';
import { ReplicatedGroup } from '../../../src/node/replicated-group.js';
import type { RaftCore } from '../../../src/raft/raft.js';
import { MemoryTransport } from '../../../src/transport/memory-transport.js';
import { type Inside, type Plant, replace, together } from './plant.js';

const nothing = () => () => {};

const waiterByIndexOnly = together(
  replace(ReplicatedGroup, 'failAll', nothing),
  replace(
    OperationQueue,
    'takeBatch',
    (take: Inside) =>
      function (this: Inside, index: number, term: number) {
        const batch = this.segments.find((one: Inside) => one.kind === 'batch');
        if (batch !== undefined && batch.index === index) batch.term = term;
        return take.call(this, index, term);
      },
  ),
);

const leaseIgnoresPauses = replace(
  LeaseGuard,
  'valid',
  () => (core: RaftCore) => core.leaseAgeTicks() < 10 && core.lastApplied >= core.commitIndex,
);

const leaseBeforeApply = replace(
  LeaseGuard,
  'valid',
  (valid: Inside) =>
    function (this: Inside, core: RaftCore) {
      const view = Object.create(core, { lastApplied: { value: Number.POSITIVE_INFINITY } });
      return valid.call(this, view);
    },
);

const repliesReversed = replace(
  OperationQueue,
  'walk',
  (walk: Inside) =>
    function (this: Inside, batch: Inside, command: Inside) {
      if (batch.marks.every((mark: number) => mark === -1)) batch.origins.reverse();
      walk.call(this, batch, command);
    },
);

const readJoinsSentRound = replace(
  OperationQueue,
  'readsOfThisTurn',
  (reads: Inside) =>
    function (this: Inside) {
      const last = this.segments[this.segments.length - 1];
      return last?.kind === 'reads' && !last.confirmed ? last : reads.call(this);
    },
);

const pipelinedReadRunsAhead = together(
  replace(OperationQueue, 'followsForming', () => () => false),
  replace(
    DeferredOps,
    'push',
    (push: Inside) =>
      function (this: Inside, origin: Inside, spec: Inside, args: Inside) {
        return push.call(this, origin, spec, args, 0);
      },
  ),
);

const cutFrame = replace(
  MemoryTransport,
  'send',
  (send: Inside) =>
    function (this: Inside, to: string, messages: Inside[]) {
      const cut = messages.map((message) => {
        if (message.kind !== 'append-request' || message.entries.length < 2) return message;
        const entries = [...message.entries];
        const last = entries.pop();
        entries.push({ ...last, data: last.data.slice(0, last.data.length - 2) });
        return { ...message, entries };
      });
      send.call(this, to, cut);
    },
);

const logClockIsWall = replace(
  LogClock,
  'now',
  () =>
    function (this: Inside) {
      return Math.floor(this.clock.wallMs());
    },
);

const forwardedTwice = replace(
  Forwarder,
  'flush',
  (flush: Inside) =>
    function (this: Inside) {
      const { send } = this.options;
      this.options.send = (to: string, payload: Uint8Array) =>
        send(to, payload) && send(to, payload);
      flush.call(this);
      this.options.send = send;
    },
);

const uncertainToldAsRefused = replace(
  OperationQueue,
  'failAll',
  (failAll: Inside) =>
    function (this: Inside, fail: Inside) {
      failAll.call(this, (origin: Inside, kind: string) =>
        fail(origin, kind === 'unknown' ? 'unlogged' : kind),
      );
    },
);

const readsBeforeApply = replace(
  ReplicatedGroup,
  'readReady',
  (ready: Inside) =>
    function (this: Inside, read: Inside) {
      ready.call(this, { ...read, index: Math.min(read.index, this.machine.appliedIndex) });
    },
);

export const operationBugs: Readonly<Record<string, Plant>> = {
  'waiter by index only': waiterByIndexOnly,
  'lease ignores pauses': leaseIgnoresPauses,
  'lease serves before apply': leaseBeforeApply,
  'reply mapping: reversed': repliesReversed,
  'read joins a round already sent': readJoinsSentRound,
  'pipelined read runs ahead of its session': pipelinedReadRunsAhead,
  'cut frame taken as whole': cutFrame,
  'log clock is the wall clock': logClockIsWall,
  'forwarded command sent twice': forwardedTwice,
  'unknown outcome told as refused': uncertainToldAsRefused,
  'confirmed read before its index is applied': readsBeforeApply,
  'no pulse for deadlines': replace(Pulse, 'tick', nothing),
};
