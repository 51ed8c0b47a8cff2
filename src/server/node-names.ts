/** Names of nodes as Redis clients expect them. */
import { createHash } from 'node:crypto';
import type { ClusterNode, Group } from './group.js';

/** Redis: node ids and run ids are 40 hex digits. */
export function redisNodeId(nodeId: string): string {
  return createHash('sha1').update(nodeId).digest('hex');
}

/** The node that leads, if it is known and a member. */
export function leaderNode(group: Group): ClusterNode | null {
  const leader = group.leader();
  return group.nodes().find((node) => node.id === leader?.id) ?? null;
}

/** All others; learners serve stale reads too. */
export function replicaNodes(group: Group): readonly ClusterNode[] {
  const leader = leaderNode(group);
  return group.nodes().filter((node) => node.id !== leader?.id);
}

export function selfNode(group: Group): ClusterNode | null {
  return group.nodes().find((node) => node.self) ?? null;
}
