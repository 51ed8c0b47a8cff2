/**
 * What each node of a cluster says about itself, asked over RESP with a bound on every wait, so
 * that dead, paused and stuck nodes are shown as what they are.
 */
import type { HostPort } from '../src/config.js';
import { formatHostPort } from '../src/host-port.js';
import type { ProcessState } from './node-process.js';
import { ask, parseInfo } from './resp-client.js';

export interface Endpoint {
  readonly id: string;
  readonly address: HostPort;
  /** Null for nodes that were given by address only. */
  readonly process: ProcessState | null;
}

export type NodeRole = 'leader' | 'follower' | 'candidate' | 'learner';
/** `refused`: it answers, but not to us (a password, too many clients). */
export type NodeTrouble = 'down' | 'paused' | 'no answer' | 'refused';

export interface NodeStatus {
  readonly node: string;
  readonly address: string;
  readonly role: NodeRole | NodeTrouble;
  /** The node that this one takes for the leader; null: none. */
  readonly leader: string | null;
  readonly term: number | null;
  readonly commit: number | null;
  readonly applied: number | null;
  /** Entries that the leader has committed and this node has not applied. */
  readonly lag: number | null;
  readonly keys: number | null;
  /** Bytes of keys and values. */
  readonly memory: number | null;
  readonly clients: number | null;
}

/** Longer than a busy node needs, short enough to watch a failover with. */
const answerMs = 800;

const questions = ['raft', 'memory', 'keyspace', 'clients'].map((section) => ['INFO', section]);

function silent(endpoint: Endpoint, role: NodeTrouble): NodeStatus {
  const nothing = { leader: null, term: null, commit: null, applied: null, lag: null };
  const unknown = { ...nothing, keys: null, memory: null, clients: null };
  return { node: endpoint.id, address: formatHostPort(endpoint.address), role, ...unknown };
}

async function statusOf(endpoint: Endpoint, password: string): Promise<NodeStatus> {
  if (endpoint.process === 'down' || endpoint.process === 'paused') {
    return silent(endpoint, endpoint.process);
  }
  const { address } = endpoint;
  const replies = await ask({ address, password, commands: questions, timeoutMs: answerMs }).catch(
    () => null,
  );
  if (replies === null) return silent(endpoint, 'no answer');
  if (!replies.every((reply) => typeof reply === 'string')) return silent(endpoint, 'refused');
  return fromInfo(endpoint, parseInfo(replies.join('\r\n')));
}

function fromInfo(endpoint: Endpoint, info: ReadonlyMap<string, string>): NodeStatus {
  const number = (name: string) => Number(info.get(name) ?? 0);
  return {
    node: info.get('node_id') || endpoint.id,
    address: formatHostPort(endpoint.address),
    role: (info.get('state') ?? 'no answer') as NodeRole,
    leader: info.get('leader_id') || null,
    term: number('term'),
    commit: number('commit_index'),
    applied: number('last_applied'),
    lag: null,
    keys: Number(/keys=(\d+)/.exec(info.get('db0') ?? '')?.[1] ?? 0),
    memory: number('used_memory'),
    clients: number('connected_clients'),
  };
}

/** All nodes, asked at once, in the given order. */
export async function clusterStatus(
  endpoints: readonly Endpoint[],
  password: string,
): Promise<NodeStatus[]> {
  const nodes = await Promise.all(endpoints.map((endpoint) => statusOf(endpoint, password)));
  const committed = Math.max(0, ...nodes.map(({ commit }) => commit ?? 0));
  return nodes.map((node) => ({
    ...node,
    lag: node.applied === null ? null : committed - node.applied,
  }));
}

/** Of several that say so, the one of the highest term leads. */
export function leaderOf(nodes: readonly NodeStatus[]): NodeStatus | null {
  const leaders = nodes.filter(({ role }) => role === 'leader');
  return leaders.sort((a, b) => (b.term ?? 0) - (a.term ?? 0))[0] ?? null;
}

/** Knows the leader and has applied about all that is committed. */
export function isCaughtUp(node: NodeStatus, leader: NodeStatus): boolean {
  return node.leader === leader.node && node.lag !== null && node.lag <= caughtUpEntries;
}

/** Under load some entries are always on their way. */
const caughtUpEntries = 16;

/** One node leads, and all nodes know it and have caught up with it. */
export function isReady(nodes: readonly NodeStatus[]): boolean {
  const leader = leaderOf(nodes);
  return leader !== null && nodes.every((node) => isCaughtUp(node, leader));
}

/** Client addresses of all members, as one of them knows them; empty when it does not answer. */
export async function membersOf(address: HostPort, password: string): Promise<HostPort[]> {
  const commands = [['CLUSTER', 'NODES']];
  const [reply] = await ask({ address, password, commands, timeoutMs: answerMs }).catch(() => []);
  if (typeof reply !== 'string') return [];
  const found = reply.split('\n').map((line) => / (\S+):(\d+)@/.exec(line));
  return found.flatMap((match) =>
    match === null ? [] : [{ host: match[1]!, port: Number(match[2]) }],
  );
}
