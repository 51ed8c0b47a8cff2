/**
 * One node: opens the data directory, brings the state machine back, joins or forms the cluster,
 * serves clients. The only place that creates adapters. Nothing here ends the process: a fault
 * that makes it unsafe to go on resolves `failed`, and cmd/ decides.
 */
import { randomInt } from 'node:crypto';
import type { NodeConfig } from '../config.js';
import type { TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { PeerHello } from '../ports.js';
import type { Configuration, GroupId, NodeId, RestoredLog } from '../raft/types.js';
import { RespServer } from '../server/resp-server.js';
import { openDataDirectory } from '../storage/data-directory.js';
import { TcpTransport } from '../transport/tcp-transport.js';
import { Formation } from './formation.js';
import { GroupRunner } from './group-runner.js';
import { recover } from './recovery.js';
import { SystemClock } from './system-clock.js';

/** The only group so far; every key and message carries it. */
const theGroup: GroupId = 1;

export interface NodeHooks {
  readonly logger: Logger;
  /** A client sent SHUTDOWN. */
  onShutdownCommand(): void;
}

export interface RunningNode {
  /** Hands leadership over, answers what is in flight, closes everything. */
  stop(): Promise<void>;
  /** Resolves when the node can no longer serve safely. */
  readonly failed: Promise<TgError>;
}
