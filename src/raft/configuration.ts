/**
 * Who belongs to the cluster: the rules of a legal change (dissertation chapter 4) and the history
 * of configurations in the log. A configuration holds from the moment it is appended and is undone
 * when its entry is truncated, so the history keeps everything a truncation may bring back.
 */
import { invariant } from './invariant.js';
import type { Configuration, Entry, LogIndex, Member, NodeId, SnapshotMeta } from './types.js';

export const emptyConfiguration: Configuration = {
  voters: [],
  outgoing: [],
  learners: [],
  members: [],
};

export function isEmpty(configuration: Configuration): boolean {
  return configuration.voters.length === 0;
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** True for members of either half of a joint configuration. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

export function isMember(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

/** Of the directory that speaks for this id; empty when none is named. */
export function incarnationOf(configuration: Configuration, id: NodeId): string {
  return configuration.members.find((member) => member.id === id)?.incarnation ?? '';
}

/** Every id named, once, in a fixed order. */
export function idsOf(configuration: Configuration): NodeId[] {
  const { voters, outgoing, learners } = configuration;
  return [...new Set([...voters, ...outgoing, ...learners])].sort();
}

/**
 * The configuration to append for a wanted one: the wanted one itself when at most one voter
 * differs (dissertation 4.1), else the joint one of both; null when the wanted one is illegal.
 */
export function planChange(current: Configuration, wanted: Configuration): Configuration | null {
  if (isJoint(current) || !isLegal(wanted)) return null;
  if (voterDifference(current.voters, wanted.voters) <= 1) return wanted;
  return {
    voters: wanted.voters,
    outgoing: current.voters,
    learners: wanted.learners,
    members: [...wanted.members, ...missingMembers(current, wanted)],
  };
}

/** What a joint configuration ends in. */
export function finalConfiguration(joint: Configuration): Configuration {
  const named = (id: NodeId) => joint.voters.includes(id) || joint.learners.includes(id);
  return {
    voters: joint.voters,
    outgoing: [],
    learners: joint.learners,
    members: joint.members.filter((member) => named(member.id)),
  };
}

function isLegal(wanted: Configuration): boolean {
  if (wanted.voters.length === 0 || wanted.outgoing.length > 0) return false;
  const ids = [...wanted.voters, ...wanted.learners];
  const unique = new Set(ids);
  if (unique.size !== ids.length || wanted.members.length !== ids.length) return false;
  const members = new Set(wanted.members.map((member) => member.id));
  return members.size === ids.length && ids.every((id) => members.has(id));
}

function voterDifference(current: readonly NodeId[], wanted: readonly NodeId[]): number {
  const added = wanted.filter((id) => !current.includes(id)).length;
  const removed = current.filter((id) => !wanted.includes(id)).length;
  return added + removed;
}

function missingMembers(current: Configuration, wanted: Configuration): Member[] {
  const known = new Set(wanted.members.map((member) => member.id));
  return current.members.filter(
    (member) => current.voters.includes(member.id) && !known.has(member.id),
  );
}

interface Place {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** The configurations of the log, oldest first; the first one can no longer be undone. */
export class ConfigurationHistory {
  private places: Place[];

  constructor(snapshot: SnapshotMeta | null, entries: readonly Entry[]) {
    this.places = [base(snapshot)];
    for (const entry of entries) this.append(entry);
  }

  get latest(): Configuration {
    return this.places[this.places.length - 1]!.configuration;
  }

  get latestIndex(): LogIndex {
    return this.places[this.places.length - 1]!.index;
  }

  /** The newest configuration at or below an index that is not below the first place. */
  at(index: LogIndex): Configuration {
    for (let i = this.places.length - 1; i > 0; i--) {
      if (this.places[i]!.index <= index) return this.places[i]!.configuration;
    }
    return this.places[0]!.configuration;
  }

  append(entry: Entry): void {
    if (entry.configuration === null || entry.index <= this.latestIndex) return;
    this.places.push({ index: entry.index, configuration: entry.configuration });
  }

  truncateFrom(index: LogIndex): void {
    while (this.places.length > 1 && this.latestIndex >= index) this.places.pop();
    invariant(this.latestIndex < index, 'a committed configuration was truncated');
  }

  /** Forgets what a commit index has made impossible to undo. */
  committed(index: LogIndex): void {
    let keep = 0;
    while (keep + 1 < this.places.length && this.places[keep + 1]!.index <= index) keep++;
    if (keep > 0) this.places = this.places.slice(keep);
  }

  /** A snapshot took the place of the log up to its index; the suffix stays when it matched. */
  restore(snapshot: SnapshotMeta, keepsSuffix: boolean): void {
    const suffix = this.places.filter((place) => place.index > snapshot.lastIncludedIndex);
    this.places = keepsSuffix ? [base(snapshot), ...suffix] : [base(snapshot)];
  }
}

function base(snapshot: SnapshotMeta | null): Place {
  if (snapshot === null) return { index: 0, configuration: emptyConfiguration };
  return { index: snapshot.lastIncludedIndex, configuration: snapshot.configuration };
}
