/**
 * Sends the leader's log to its followers. Everything leaves from flush(), once per turn, so that
 * one message per follower carries what the turn gathered. Invariants: what is in flight to one
 * follower is bounded; entries that left memory come from disk, one read per follower at a time;
 * what disk no longer has comes as a snapshot. A dead follower therefore costs no memory.
 */
import { idsOf, incarnationOf, isVoter } from './configuration.js';
import { entryBytes } from './log.js';
import { Progress } from './progress.js';
import type { CoreState } from './state.js';
import type { Entry, LogIndex, NodeId, Term } from './types.js';

/** A round of heartbeats. */
export interface Beat {
  readonly round: number;
  /** Learners too, and lost windows may be probed. */
  readonly everyone: boolean;
  /** Only these voters; null: all of them. */
  readonly only: ReadonlySet<NodeId> | null;
}

interface Piece {
  readonly from: LogIndex;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

export class Replicator {
  readonly peers = new Map<NodeId, Progress>();
  /** Incarnation that each entry of `peers` is about. */
  private readonly directories = new Map<NodeId, string>();
  /** Peers that no longer belong, and the tick until which they are still told of it. */
  private readonly leaving = new Map<NodeId, number>();
  /** The last piece cut from the log; the next follower most likely wants the same. */
  private piece: Piece | null = null;

  /** Leaders before this one may have committed so far, known here or not (figure 8). */
  private readonly inheritedIndex: LogIndex;

  /** Some follower was told that so much is committed, and may serve reads of it. */
  commitTold: LogIndex = 0;

  constructor(private readonly state: CoreState) {
    this.inheritedIndex = state.log.lastIndex;
    this.updatePeers(state.log.lastIndex + 1);
  }

  /**
   * Follows the newest configuration; new peers are sent entries from `nextIndex` on. Removed
   * peers stay a while, to learn that they are out.
   */
  updatePeers(nextIndex: LogIndex): void {
    const { configurations, config, timer, id } = this.state;
    const wanted = idsOf(configurations.latest).filter((peer) => peer !== id);
    for (const peer of wanted) {
      const directory = incarnationOf(configurations.latest, peer);
      const cameBack = this.leaving.delete(peer);
      // What comes back, or speaks with another directory: nothing known is kept.
      if (this.directories.get(peer) === directory && !cameBack) continue;
      this.directories.set(peer, directory);
      this.peers.set(peer, new Progress(peer, nextIndex, timer.now, config));
    }
    for (const peer of this.peers.keys()) {
      if (!wanted.includes(peer) && !this.leaving.has(peer)) {
        this.leaving.set(peer, timer.now + config.electionTicks);
      }
    }
  }

  isLeaving(peer: NodeId): boolean {
    return this.leaving.has(peer);
  }

  tick(): void {
    for (const [peer, until] of this.leaving) {
      if (this.state.timer.now < until) continue;
      this.leaving.delete(peer);
      this.directories.delete(peer);
      this.peers.delete(peer);
    }
  }

  /** `commitMax`: a commit index beyond it waits for a message that leaves anyway. */
  flush(beat: Beat | null, commitMax: LogIndex): void {
    for (const progress of this.peers.values()) {
      const sent = this.sendEntries(progress);
      if (beat !== null && this.isAsked(progress.id, beat)) {
        this.sendHeartbeat(progress, beat.round);
        if (beat.everyone && !sent) progress.heartbeatSent();
      } else if (!sent) this.sendCommit(progress, commitMax);
    }
    this.piece = null;
  }

  private isAsked(peer: NodeId, { everyone, only }: Beat): boolean {
    if (everyone) return true;
    return only?.has(peer) ?? isVoter(this.state.configurations.latest, peer);
  }

  /** A peer answered: resume what was paused, ask after what may have been lost. */
  resume(progress: Progress): void {
    if (!progress.resume(this.state.log.lastIndex)) return;
    const prev = progress.nextIndex - 1;
    const prevTerm = this.termAt(progress, prev);
    if (prevTerm === null) progress.becomeProbe(progress.matchIndex + 1, false);
    else this.sendAppend(progress, prev, prevTerm, []);
  }

  /** Also for the entry sent last, which may have come from disk. */
  private termAt(progress: Progress, index: LogIndex): Term | null {
    const known = progress.lastOldEntry;
    return this.state.log.termAt(index) ?? (known?.index === index ? known.term : null);
  }

  /** Entries came from disk, or null when they were compacted away meanwhile. */
  oldEntriesRead(progress: Progress, entries: readonly Entry[] | null): void {
    if (!progress.oldEntriesWanted) return;
    progress.oldEntriesWanted = false;
    if (entries === null || entries.length === 0) this.wantSnapshot(progress);
    else if (progress.maySend) this.sendOldEntries(progress, entries);
  }

  private sendEntries(progress: Progress): boolean {
    const { log } = this.state;
    let sent = false;
    while (progress.maySend && progress.nextIndex <= log.lastIndex) {
      if (progress.nextIndex < log.firstIndex) {
        this.wantOldEntries(progress);
        return sent;
      }
      const { entries, bytes } = this.cut(progress.nextIndex);
      const prev = progress.nextIndex - 1;
      this.sendAppend(progress, prev, log.termAt(prev)!, entries);
      progress.sentEntries(prev + entries.length, bytes);
      sent = true;
    }
    return this.probeEnd(progress) || sent;
  }

  /** A probe at the end of the log has no entries to carry, but must still find the match. */
  private probeEnd(progress: Progress): boolean {
    const { log } = this.state;
    const unknown = progress.state === 'probe' && progress.matchIndex < log.lastIndex;
    if (!unknown || !progress.maySend || progress.nextIndex <= log.lastIndex) return false;
    this.sendAppend(progress, log.lastIndex, log.lastTerm, []);
    progress.sentEntries(log.lastIndex, 0);
    return true;
  }

  private cut(from: LogIndex): Piece {
    if (this.piece !== null && this.piece.from === from) return this.piece;
    const { log, config } = this.state;
    const entries = log.slice(from, log.lastIndex, config.appendBytesMax);
    this.piece = { from, entries, bytes: bytesOf(entries) };
    return this.piece;
  }

  private sendAppend(
    progress: Progress,
    prevLogIndex: LogIndex,
    prevLogTerm: Term,
    entries: readonly Entry[],
  ): void {
    const { state } = this;
    const leaderCommit = state.log.committed;
    this.commitTold = leaderCommit;
    progress.commitSent = Math.max(
      progress.commitSent,
      Math.min(leaderCommit, progress.matchIndex),
    );
    state.send({
      kind: 'append-request',
      group: state.group,
      from: state.id,
      to: progress.id,
      term: state.term,
      prevLogIndex,
      prevLogTerm,
      leaderCommit,
      entries,
    });
  }

  private sendHeartbeat(progress: Progress, round: number): void {
    const { state } = this;
    // Never beyond matchIndex: the rest of the follower's log is not known to be ours (etcd).
    const leaderCommit = Math.min(state.log.committed, progress.matchIndex);
    progress.commitSent = Math.max(progress.commitSent, leaderCommit);
    this.commitTold = Math.max(this.commitTold, leaderCommit);
    state.send({
      kind: 'heartbeat-request',
      group: state.group,
      from: state.id,
      to: progress.id,
      term: state.term,
      leaderCommit,
      committed: Math.max(state.log.committed, this.inheritedIndex),
      round,
      answered: progress.round,
    });
  }

  /** Nothing else tells the follower of the new commit index now: a heartbeat without a round. */
  sendCommit(progress: Progress, commitMax: LogIndex): void {
    const commit = Math.min(this.state.log.committed, progress.matchIndex, commitMax);
    if (commit > progress.commitSent) this.sendHeartbeat(progress, 0);
  }

  /** The entry before the first wanted one is read too where its term left memory. */
  private wantOldEntries(progress: Progress): void {
    if (progress.oldEntriesWanted) return;
    const { log, config } = this.state;
    const prev = progress.nextIndex - 1;
    const from = this.termAt(progress, prev) === null ? prev : progress.nextIndex;
    if (from < log.firstOnDisk) {
      this.wantSnapshot(progress);
      return;
    }
    progress.oldEntriesWanted = true;
    this.state.oldEntries.push({ to: progress.id, from, maxBytes: config.appendBytesMax });
  }

  /** What left memory is committed, so an answer from another time is as good as a new one. */
  private sendOldEntries(progress: Progress, read: readonly Entry[]): void {
    const { log } = this.state;
    const prev = progress.nextIndex - 1;
    const entryBefore = read.find((entry) => entry.index === prev);
    if (entryBefore !== undefined) progress.lastOldEntry = placeOf(entryBefore);
    const prevTerm = this.termAt(progress, prev);
    const entries = read.filter((e) => e.index > prev && e.index < log.firstIndex);
    if (prevTerm === null || entries.length === 0 || entries[0]!.index !== prev + 1) return;
    this.sendAppend(progress, prev, prevTerm, entries);
    progress.sentEntries(prev + entries.length, bytesOf(entries));
    progress.lastOldEntry = placeOf(entries[entries.length - 1]!);
  }

  /** Not to a silent peer: the stream would only fail. Its next answer brings us here again. */
  private wantSnapshot(progress: Progress): void {
    const { timer, config, log } = this.state;
    const alive = progress.everHeard && timer.now - progress.heardTick < config.electionTicks;
    if (!alive) {
      progress.becomeProbe(progress.nextIndex, true);
      return;
    }
    progress.becomeSnapshot(log.firstOnDisk - 1);
    this.state.snapshots.push(progress.id);
  }
}

function placeOf(entry: Entry): { readonly index: LogIndex; readonly term: Term } {
  return { index: entry.index, term: entry.term };
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}
