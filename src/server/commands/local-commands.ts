/** All commands that a node answers by itself. */
import type { SessionReadSpec } from '../group.js';
import type { LocalSpec } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { aclCommands } from './acl.js';
import { clientCommands } from './client.js';
import { clusterCommands } from './cluster.js';
import { commandCommands } from './command.js';
import { configCommands } from './config.js';
import { connectionCommands } from './connection.js';
import { debugCommands } from './debug.js';
import { infoCommands } from './info.js';
import { latencyCommands } from './latency.js';
import { memoryCommands } from './memory.js';
import { monitorCommands } from './monitor.js';
import { objectCommands } from './object.js';
import { pubsubCommands } from './pubsub.js';
import { sentinelCommands } from './sentinel.js';
import { serverCommands } from './server.js';
import { slowLogCommands } from './slowlog.js';
import { transactionCommands } from './transactions.js';
import { waitCommands } from './wait.js';

export function localCommands(context: ServerContext): (LocalSpec | SessionReadSpec)[] {
  return [
    ...aclCommands(context),
    ...connectionCommands(context),
    ...clientCommands(context),
    ...commandCommands(context),
    ...configCommands(context),
    ...infoCommands(context),
    ...serverCommands(context),
    ...debugCommands(context),
    ...waitCommands(context),
    ...slowLogCommands(context),
    ...latencyCommands(context),
    ...monitorCommands(context),
    ...memoryCommands(context),
    ...objectCommands(),
    ...clusterCommands(context),
    ...pubsubCommands(context),
    ...sentinelCommands(context),
    ...transactionCommands(context),
  ];
}
