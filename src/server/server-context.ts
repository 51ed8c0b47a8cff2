/** What the commands of a node may use. */
import type { Clock } from '../ports.js';
import type { Args } from '../resp/args.js';
import type { Acl } from './acl/acl.js';
import type { ClientPause } from './client-pause.js';
import type { ClusterClients } from './cluster-clients.js';
import type { AnySpec, CommandTable } from './command-table.js';
import type { Connection, Stall } from './connection.js';
import type { Group } from './group.js';
import type { LatencyEvents } from './latency-events.js';
import type { LiveSettings } from './live-settings.js';
import type { Maintenance } from './maintenance.js';
import type { Membership } from './membership.js';
import type { Monitors } from './monitors.js';
import type { PubSub } from './pubsub.js';
import type { SettingsAccess } from './settings-access.js';
import type { SlowLog } from './slow-log.js';
import type { ServerStats } from './stats.js';
import type { Tracking } from './tracking.js';
import type { UsageMeter } from './usage.js';

/** The Redis version whose behaviour is followed. */
export const redisVersion = '7.2.4';

export interface ServerContext {
  /** Where clients are listened for. */
  readonly host: string;
  readonly nodeId: string;
  readonly group: Group;
  readonly membership: Membership;
  readonly settings: SettingsAccess;
  readonly live: LiveSettings;
  readonly acl: () => Acl;
  readonly clock: Clock;
  readonly stats: ServerStats;
  readonly usage: UsageMeter;
  readonly slowLog: SlowLog;
  readonly latency: LatencyEvents;
  readonly monitors: Monitors;
  readonly pause: ClientPause;
  readonly pubsub: PubSub;
  readonly tracking: Tracking;
  readonly maintenance: Maintenance;
  readonly clusterClients: ClusterClients;
  readonly connections: ReadonlyMap<number, Connection>;
  readonly onShutdown: () => void;
  /** Absolute path of the file the node was started with; null: none. */
  readonly configFile: string | null;
  /** Writes what was set while running into that file; an error text, or null. */
  readonly rewriteConfig: () => string | null;
  table(): CommandTable;
  port(): number;
  carryOut(connection: Connection, spec: AnySpec, args: Args): Stall | null;
}
