/** The checks check what they say, no more. */
import { describe, expect, it } from 'vitest';
import type { RaftCore } from '../../src/raft/raft.js';
import { type Replica, Safety } from './safety.js';

/** `terms[i]` is the term of entry i + 1. */
function core(term: number, terms: readonly number[], commitIndex: number): RaftCore {
  const termAt = (index: number) => terms[index - 1] ?? null;
  return { term, commitIndex, termAt, lastLogIndex: terms.length } as unknown as RaftCore;
}

function replica(id: string, current: RaftCore): Replica {
  return { id, core: current, seenTerm: 0, seenCommit: 0, checkedCommit: 0 };
}

describe('leader completeness', () => {
  it('is owed by the leader of a later term than that of the commit', () => {
    const safety = new Safety();
    const committer = core(2, [1, 2], 2);
    safety.checkNode(replica('n1', committer), committer);
    expect(() => safety.leaderElected('n2', core(3, [1, 3], 1), 3)).toThrow('lacks committed');
  });

  it('figure 8: not by one that hears late of its votes, after a commit in a later term', () => {
    const safety = new Safety();
    const committer = core(4, [1, 2, 4], 3);
    safety.checkNode(replica('n1', committer), committer);
    expect(() => safety.leaderElected('n3', core(3, [1, 3], 1), 3)).not.toThrow();
    expect(() => safety.leaderElected('n2', core(5, [1, 2, 5], 1), 5)).toThrow('lacks committed');
  });
});
