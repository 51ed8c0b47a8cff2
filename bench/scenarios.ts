/** What `npm run bench` measures, and what the project aims at. */
export interface Scenario {
  readonly load: string;
  readonly connections: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  /** Names of own configurations and of peers, the own one first. */
  readonly peers: readonly string[];
  /** Peer to the ratio aimed at. */
  readonly aims: Readonly<Record<string, number>>;
}

export const peerNames = {
  cluster: 'tgcache x3, fsync',
  baseline: 'tgcache x3, earlier build',
  lease: 'tgcache x3, lease reads',
  local: 'tgcache x3, local reads, all nodes',
  always: 'redis appendfsync always',
  none: 'redis no persistence',
  wait: 'redis + 2 replicas, WAIT 1',
  etcd: 'etcd x3',
} as const;

const { cluster, baseline, lease, local, always, none, wait, etcd } = peerNames;

function scenario(
  load: string,
  [connections, pipeline, valueBytes]: readonly [number, number, number],
  peers: readonly string[],
  aims: Readonly<Record<string, number>> = {},
): Scenario {
  return { load, connections, pipeline, valueBytes, peers, aims };
}

/** The figures the project is judged by: 100-byte values. */
export const mainScenarios: readonly Scenario[] = [
  scenario('SET', [50, 16, 100], [cluster, always], { [always]: 0.75 }),
  scenario('SET', [50, 64, 100], [cluster, always], { [always]: 0.75 }),
  scenario('SET', [50, 1, 100], [cluster, always, wait, etcd], {
    [always]: 0.7,
    [wait]: 1,
    [etcd]: 4,
  }),
  scenario('SET', [256, 1, 100], [cluster, always, wait, etcd], {
    [always]: 0.7,
    [wait]: 1,
    [etcd]: 4,
  }),
  scenario('GET', [50, 1, 100], [cluster, none], { [none]: 0.7 }),
  scenario('GET', [50, 16, 100], [cluster, lease, none], { [none]: 0.75 }),
  scenario('GET', [48, 16, 100], [local, none], { [none]: 1.3 }),
];

const sizes = [10, 1024, 65_536, 1_048_576];

/** The wider picture: mixes, sizes, connections. */
export const moreScenarios: readonly Scenario[] = [
  ...(['90/10', 'INCR', 'MSET10'] as const).flatMap((load) =>
    [1, 16].map((pipeline) => scenario(load, [50, pipeline, 100], [cluster, always])),
  ),
  scenario('SET', [1, 1, 100], [cluster, always, wait, etcd]),
  scenario('GET', [1, 1, 100], [cluster, lease, none, etcd]),
  scenario('GET', [256, 1, 100], [cluster, none]),
  scenario('GET', [50, 64, 100], [cluster, none]),
  ...sizes.flatMap((bytes) => [
    scenario('SET', [bytes > 100_000 ? 8 : 50, 1, bytes], [cluster, always]),
    scenario('GET', [bytes > 100_000 ? 8 : 50, 1, bytes], [cluster, none]),
  ]),
];

/** Beside an earlier build, and nothing else. */
export function againstBaseline(scenarios: readonly Scenario[]): Scenario[] {
  return scenarios
    .filter(({ peers }) => peers.includes(cluster))
    .map((of) => ({ ...of, peers: [cluster, baseline], aims: { [baseline]: 1 } }));
}

export function title({ load, connections, pipeline, valueBytes }: Scenario): string {
  return `${load}, ${connections} connections, pipeline ${pipeline}, ${valueBytes} B`;
}
