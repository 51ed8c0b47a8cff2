/** Starts peers when they are first needed, and tells once which are not installed. */
import { fillKeys } from './fill.js';
import type { LoadShape } from './loads.js';
import { startCluster } from './peers/cluster.js';
import { startEtcd } from './peers/etcd.js';
import type { Peer } from './peers/process.js';
import {
  appendfsyncAlways,
  isInstalled,
  noPersistence,
  startRedis,
  startReplicated,
} from './peers/redis.js';
import { peerNames } from './scenarios.js';

interface PeerKind {
  /** The program it needs; null: ours. */
  readonly program: string | null;
  readonly start: (name: string) => Promise<Peer>;
}

const { cluster, baseline, lease, local, always, none, wait, etcd } = peerNames;
const kinds: ReadonlyMap<string, PeerKind> = new Map<string, PeerKind>([
  [cluster, { program: null, start: (name) => startCluster({ name }) }],
  [
    lease,
    { program: null, start: (name) => startCluster({ name, set: ['read-consistency=lease'] }) },
  ],
  [local, { program: null, start: (name) => startCluster({ name, reads: 'all' }) }],
  [always, { program: 'redis-server', start: (name) => startRedis(name, appendfsyncAlways) }],
  [none, { program: 'redis-server', start: (name) => startRedis(name, noPersistence) }],
  [wait, { program: 'redis-server', start: (name) => startReplicated(name, appendfsyncAlways) }],
  [etcd, { program: 'etcd', start: startEtcd }],
]);

export class PeerPool {
  private readonly started = new Map<string, Peer | null>();
  private readonly filled = new Map<Peer, number>();

  /** `baselineDist`: the `dist` directory of an earlier build, for the peer of that name. */
  constructor(private readonly baselineDist: string | null) {}

  /** Null where its program is not installed. */
  async get(name: string): Promise<Peer | null> {
    const known = this.started.get(name);
    if (known !== undefined) return known;
    const { program, start } = this.kind(name);
    const peer = program === null || isInstalled(program) ? await start(name) : null;
    if (peer === null) console.log(`${program} is not installed: no comparison with ${name}`);
    this.started.set(name, peer);
    return peer;
  }

  private kind(name: string): PeerKind {
    if (name !== baseline) return kinds.get(name)!;
    const dist = this.baselineDist!;
    return { program: null, start: () => startCluster({ name, dist }) };
  }

  /** All keys with values of this size, through whoever takes writes. */
  async fill(peer: Peer, shape: LoadShape): Promise<void> {
    if (peer.name === etcd || this.filled.get(peer) === shape.valueBytes) return;
    this.filled.set(peer, shape.valueBytes);
    const { leaderPort } = peer as Peer & { leaderPort?: () => Promise<number> };
    const ports = leaderPort === undefined ? peer.ports : [await leaderPort()];
    const { preamble: _none, ...writable } = peer;
    await fillKeys({ ...writable, ports }, shape);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.started.values()].map((peer) => peer?.stop()));
  }
}
