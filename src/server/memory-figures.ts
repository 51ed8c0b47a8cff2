/** Bytes of this process, by the names that Redis gives them. */
import type { ServerContext } from './server-context.js';

export interface MemoryFigures {
  /** In use by the engine: heap, and arrays beside it, where keys and values lie. */
  readonly used: number;
  /** Given to the heap by the system, and the arrays. */
  readonly reserved: number;
  readonly resident: number;
  readonly peak: number;
  readonly startup: number;
  /** Keys and values with what is charged for each (maxmemory counts these). */
  readonly dataset: number;
  /** What is in use beside the dataset. */
  readonly overhead: number;
  /** Commands and replies of clients that are on their way. */
  readonly clients: number;
}

export function memoryFigures({ group, stats, connections }: ServerContext): MemoryFigures {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const used = heapUsed + external;
  stats.notePeak(used);
  const dataset = group.keyspaceInfo().usedBytes;
  let clients = 0;
  for (const connection of connections.values()) {
    clients += connection.queryBytes + connection.session.queuedBytes + connection.outputBytes;
  }
  return {
    used,
    reserved: heapTotal + external,
    resident: rss,
    peak: stats.peakBytes,
    startup: stats.startupBytes,
    dataset,
    overhead: Math.max(0, used - dataset),
    clients,
  };
}
