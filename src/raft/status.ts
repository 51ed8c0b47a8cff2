/** The picture of one core for operators, INFO and tests. Not for hot paths. */
import type { Leader } from './leader.js';
import type { Progress } from './progress.js';
import type { CoreState } from './state.js';
import type { LogIndex, PeerStatus, RaftStatus, Term } from './types.js';

/** How a node stands to its leader, or a leader to its majority. */
export interface Contact {
  readonly term: Term;
  /** Nothing beyond it was committed when this was told; it may be beyond the own log. */
  readonly committed: LogIndex;
  /** Newest heartbeat round that was answered here; on a leader: sent. 0: none. */
  readonly round: number;
  /** `committed` was told after this round was answered; on a leader: by a majority. */
  readonly confirmed: number;
}

export function statusOf(state: CoreState, leader: Leader | null): RaftStatus {
  const { log, configurations } = state;
  return {
    id: state.id,
    group: state.group,
    role: state.role,
    term: state.term,
    leader: state.leader,
    votedFor: state.votedFor,
    commitIndex: log.committed,
    lastApplied: log.applied,
    lastLogIndex: log.lastIndex,
    firstLogIndex: Math.min(log.firstOnDisk, log.firstIndex),
    snapshotIndex: log.snapshotIndex,
    uncommittedBytes: leader?.uncommittedBytes ?? 0,
    configuration: configurations.latest,
    committedConfiguration: configurations.at(log.committed),
    readyToServe: leader?.readyToServe ?? false,
    transferTarget: leader?.transfer.target ?? null,
    peers: leader === null ? [] : peersOf(state, leader),
  };
}

function peersOf(state: CoreState, leader: Leader): PeerStatus[] {
  const { replicator } = leader;
  const staying = [...replicator.peers.values()].filter((peer) => !replicator.isLeaving(peer.id));
  return staying.map((progress) => peerStatus(state, progress));
}

function peerStatus(state: CoreState, progress: Progress): PeerStatus {
  const silentTicks = state.timer.now - progress.heardTick;
  return {
    id: progress.id,
    state: progress.state,
    matchIndex: progress.matchIndex,
    nextIndex: progress.nextIndex,
    inflightBytes: progress.inflights.bytes,
    recentlyActive: progress.everHeard && silentTicks < state.config.electionTicks,
  };
}
