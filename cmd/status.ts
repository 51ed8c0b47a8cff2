/** What `cluster status` shows: every node asked over RESP, as a table or JSON. */
import { type Answer, ask, infoFields } from './resp-client.js';

export interface Endpoint {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** The process, where it is known. */
  readonly alive: boolean | null;
}

export interface NodeStatus {
  readonly node: string;
  readonly address: string;
  /** leader, follower, learner, candidate, or why there is no answer. */
  readonly role: string;
  readonly term: number | null;
  readonly commit: number | null;
  readonly applied: number | null;
  readonly lag: number | null;
  readonly keys: number | null;
  readonly memoryBytes: number | null;
  readonly clients: number | null;
  readonly leader: string | null;
}

const answerMs = 800;

async function statusOf(endpoint: Endpoint): Promise<NodeStatus> {
  const { id, host, port } = endpoint;
  const nothing = {
    node: id,
    address: `${host}:${port}`,
    term: null,
    commit: null,
    applied: null,
    lag: null,
    keys: null,
    memoryBytes: null,
    clients: null,
    leader: null,
  };
  if (endpoint.alive === false) return { ...nothing, role: 'stopped' };
  const questions = [['INFO', 'raft'], ['INFO', 'memory'], ['INFO', 'clients'], ['DBSIZE']];
  let answers: Answer[];
  try {
    // DBSIZE may have to wait for a leader: INFO keyspace answers at once.
    questions[3] = ['INFO', 'keyspace'];
    answers = await ask(host, port, questions, answerMs);
  } catch (error) {
    const role =
      error instanceof Error && error.message === 'no answer' ? 'no answer' : 'unreachable';
    return { ...nothing, role };
  }
  const raft = infoFields(answers[0]!);
  const number = (name: string) => Number(raft.get(name) ?? 0);
  const keys = /keys=(\d+)/.exec(infoFields(answers[3]!).get('db0') ?? '');
  return {
    ...nothing,
    role: raft.get('state') ?? 'unknown',
    term: number('term'),
    commit: number('commit_index'),
    applied: number('last_applied'),
    lag: null,
    keys: Number(keys?.[1] ?? 0),
    memoryBytes: Number(infoFields(answers[1]!).get('used_memory') ?? 0),
    clients: Number(infoFields(answers[2]!).get('connected_clients') ?? 0),
    leader: raft.get('leader_id') || null,
  };
}

/** All nodes; lag is counted against the highest commit index of any. */
export async function clusterStatus(endpoints: readonly Endpoint[]): Promise<NodeStatus[]> {
  const found = await Promise.all(endpoints.map(statusOf));
  const commit = Math.max(0, ...found.map((node) => node.commit ?? 0));
  return found.map((node) => ({
    ...node,
    lag: node.applied === null ? null : Math.max(0, commit - node.applied),
  }));
}

export function leaderOf(nodes: readonly NodeStatus[]): NodeStatus | null {
  const leaders = nodes.filter((node) => node.role === 'leader');
  return leaders.sort((a, b) => (b.term ?? 0) - (a.term ?? 0))[0] ?? null;
}

/** All nodes answer, one leads, and the others know it. */
export function isReady(nodes: readonly NodeStatus[]): boolean {
  const leader = leaderOf(nodes);
  return leader !== null && nodes.every((node) => node.leader === leader.node);
}

export function table(nodes: readonly NodeStatus[]): string {
  const head = [
    'NODE',
    'ROLE',
    'TERM',
    'COMMIT',
    'APPLIED',
    'LAG',
    'KEYS',
    'MEMORY',
    'CLIENTS',
    'ADDRESS',
  ];
  const rows = nodes.map((node) => [
    node.node,
    node.role,
    text(node.term),
    text(node.commit),
    text(node.applied),
    text(node.lag),
    text(node.keys),
    memory(node.memoryBytes),
    text(node.clients),
    node.address,
  ]);
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]!.length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd();
  return [bold(line(head)), ...rows.map(line)].join('\n');
}

function bold(line: string): string {
  const plain = process.env.NO_COLOR !== undefined || !process.stdout.isTTY;
  return plain ? line : `\u001b[1m${line}\u001b[0m`;
}

function text(value: number | null): string {
  return value === null ? '-' : String(value);
}

function memory(bytes: number | null): string {
  if (bytes === null) return '-';
  if (bytes < 1024) return `${bytes}B`;
  const units = ['K', 'M', 'G', 'T'];
  let value = bytes;
  let unit = -1;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(1)}${units[unit]}`;
}
