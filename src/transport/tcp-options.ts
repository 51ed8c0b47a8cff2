/** What a TcpTransport is made with. */
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { NodeId } from '../raft/types.js';

export interface TransportLogger {
  info(fields: Record<string, unknown>, text: string): void;
  warn(fields: Record<string, unknown>, text: string): void;
}

export interface TcpTransportOptions {
  readonly nodeId: NodeId;
  readonly listenHost: string;
  /** 0: any free port, see `port`. */
  readonly listenPort: number;
  readonly clock: Clock;
  readonly logger?: TransportLogger;
  /** Wait before a second call to a peer; doubles up to the maximum. */
  readonly reconnectMinMs?: number;
  readonly reconnectMaxMs?: number;
  readonly helloTimeoutMs?: number;
  /** A connection ends when nothing came for so long: the network lost all, or the peer hangs. */
  readonly silenceMs?: number;
  /** How long a connected peer may take to show that it lives when another process has its id. */
  readonly rivalAnswerMs?: number;
  /** A snapshot stream ends when nothing moved for this long. */
  readonly snapshotIdleMs?: number;
  /** Bytes that wait for one peer before messages to it are dropped. */
  readonly outputBytesMax?: number;
  readonly frameBytesMax?: number;
  readonly random?: () => number;
  /** What all nodes of the cluster know; empty: peers need not prove anything. */
  readonly secret?: string;
}

/** With the defaults filled in. */
export type TcpSettings = Required<Omit<TcpTransportOptions, 'logger'>>;

export const tcpDefaults = {
  reconnectMinMs: 20,
  reconnectMaxMs: 1000,
  helloTimeoutMs: 5000,
  silenceMs: 3000,
  rivalAnswerMs: 1000,
  snapshotIdleMs: 60_000,
  outputBytesMax: limits.peerOutputBytesMax,
  frameBytesMax: limits.peerFrameBytesMax,
  random: Math.random,
  secret: '',
} satisfies Partial<TcpSettings>;
