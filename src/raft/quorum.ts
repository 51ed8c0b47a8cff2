/**
 * Majority arithmetic, joint-aware (dissertation 4.3): while a change of several voters runs,
 * whatever is decided needs a majority of the new voters and one of the old. Learners never count.
 */
import type { Configuration, NodeId } from './types.js';

export type VoteOutcome = 'won' | 'lost' | 'pending';

export function majorityOf(voters: number): number {
  return (voters >> 1) + 1;
}

/** The largest value that a majority of `voters` reach; Infinity without voters. */
export function majorityValue(voters: readonly NodeId[], reached: (id: NodeId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const values: number[] = [];
  for (const id of voters) insertDescending(values, reached(id));
  return values[majorityOf(voters.length) - 1]!;
}

/** As majorityValue, in both halves of a joint configuration. */
export function quorumValue(configuration: Configuration, reached: (id: NodeId) => number): number {
  const incoming = majorityValue(configuration.voters, reached);
  if (configuration.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(configuration.outgoing, reached));
}

/** What the answers so far decide. A missing answer is neither yes nor no. */
export function voteOutcome(
  configuration: Configuration,
  votes: ReadonlyMap<NodeId, boolean>,
): VoteOutcome {
  const incoming = outcomeOf(configuration.voters, votes);
  const outgoing =
    configuration.outgoing.length === 0 ? 'won' : outcomeOf(configuration.outgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

function outcomeOf(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  let granted = 0;
  let refused = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  const needed = majorityOf(voters.length);
  if (granted >= needed && voters.length > 0) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}

/** Three to seven values: insertion beats a sort with a comparison function. */
function insertDescending(values: number[], value: number): void {
  let at = values.length;
  values.push(value);
  while (at > 0 && values[at - 1]! < value) {
    values[at] = values[at - 1]!;
    at--;
  }
  values[at] = value;
}
