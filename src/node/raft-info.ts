/** The fields of INFO raft (CONTRACT.md). */
import type { RaftCore } from '../raft/raft.js';
import type { Role } from '../raft/types.js';

const states: Readonly<Record<Role, string>> = {
  leader: 'leader',
  follower: 'follower',
  learner: 'learner',
  candidate: 'candidate',
  'pre-candidate': 'candidate',
};

export function raftInfo(core: RaftCore | null, id: string): ReadonlyMap<string, string | number> {
  if (core === null) {
    return new Map<string, string | number>([
      ['node_id', id],
      ['state', 'learner'],
      ['term', 0],
      ['leader_id', ''],
      ['commit_index', 0],
      ['last_applied', 0],
      ['last_log_index', 0],
      ['snapshot_index', 0],
      ['voters', ''],
      ['learners', ''],
      ['lag_entries', 0],
    ]);
  }
  const status = core.status();
  const { configuration } = status;
  return new Map<string, string | number>([
    ['node_id', status.id],
    ['state', states[status.role]],
    ['term', status.term],
    ['leader_id', status.leader ?? ''],
    ['commit_index', status.commitIndex],
    ['last_applied', status.lastApplied],
    ['last_log_index', status.lastLogIndex],
    ['snapshot_index', status.snapshotIndex],
    ['voters', configuration.voters.join(',')],
    ['learners', configuration.learners.join(',')],
    ['lag_entries', Math.max(0, status.commitIndex - status.lastApplied)],
  ]);
}
