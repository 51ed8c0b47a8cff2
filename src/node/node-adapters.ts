/**
 * What a node stands on: clock, chance, disk, network and the door for clients. Here are the real
 * ones; the simulator brings twins, and both run the same NodeHost.
 */
import { randomInt } from 'node:crypto';
import type { NodeConfig } from '../config.js';
import type { Logger } from '../log.js';
import type { Clock, PeerHello, Transport } from '../ports.js';
import type { Membership } from '../server/membership.js';
import type { PublishedMessage } from '../server/pubsub.js';
import { RespServer } from '../server/resp-server.js';
import type { DataDirectory } from '../storage/data-directory.js';
import { TcpTransport } from '../transport/tcp-transport.js';
import type { Broadcast } from './broadcast.js';
import { rewriteConfig } from './config-rewrite.js';
import type { ReplicatedGroup } from './replicated-group.js';
import { SystemClock } from './system-clock.js';

export interface NodeHooks {
  readonly logger: Logger;
  /** A client sent SHUTDOWN. */
  onShutdownCommand(): void;
  /** Absolute path of the file of settings; null: none was given. */
  readonly configFile: string | null;
}

export interface NodeAdapters {
  readonly clock: Clock;
  /** An integer in [0, bound). */
  readonly random: (bound: number) => number;
  readonly directory: Pick<
    DataDirectory,
    | 'identity'
    | 'logStore'
    | 'snapshotStore'
    | 'setClusterId'
    | 'leasePromiseMs'
    | 'promiseLease'
    | 'close'
  >;
  readonly transport: Transport & {
    refreshHello(): void;
    /** The hello of whoever listens there. */
    introduce(address: string): Promise<PeerHello>;
  };
  readonly server: (services: NodeServices) => ClientServer;
}

/** What the door for clients opens to. */
export interface NodeServices {
  readonly clients: ReplicatedGroup;
  readonly broadcast: Broadcast;
  readonly membership: Membership;
}

/** The door for clients. */
export interface ClientServer {
  start(): Promise<unknown>;
  stop(drainMs: number): Promise<void>;
  /** A message that was published at another node. */
  deliver(message: PublishedMessage): void;
}

const silenceMsMin = 3000;

/** A leader that only hesitates keeps its connections, and so its followers. */
function silenceMsOf({ settings }: NodeConfig): number {
  return Math.max(silenceMsMin, 3 * settings.number('election-timeout-ms'));
}

export function realAdapters(
  config: NodeConfig,
  hooks: NodeHooks,
  directory: DataDirectory,
): NodeAdapters {
  const clock = new SystemClock();
  const { logger } = hooks;
  const transport = new TcpTransport({
    nodeId: config.id,
    listenHost: config.peerListen.host,
    listenPort: config.peerListen.port,
    silenceMs: silenceMsOf(config),
    clock,
    secret: config.settings.get('cluster-secret'),
    logger: {
      info: (fields, text) => logger.info(fields, text),
      warn: (fields, text) => logger.warn(fields, text),
    },
  });
  const server = ({ clients, broadcast, membership }: NodeServices): ClientServer => {
    const resp = new RespServer({
      host: config.clientListen.host,
      port: config.clientListen.port,
      nodeId: config.id,
      group: clients,
      membership,
      settings: config.settings,
      clock,
      onShutdown: () => hooks.onShutdownCommand(),
      configFile: hooks.configFile,
      rewriteConfig: () => rewriteConfig(hooks.configFile, config.settings),
      broadcast: broadcast.publish,
      clusterClients: broadcast.clusterClients,
      onError: (what, error) => logger.warn({ error: String(error) }, what),
    });
    return {
      start: () => resp.start(),
      stop: (drainMs) => resp.stop(drainMs),
      deliver: (message) => resp.pubsub.deliver(message),
    };
  };
  return { clock, random: (bound) => randomInt(bound), directory, transport, server };
}
