/**
 * Which clients keep a map of the cluster and follow MOVED: they must not be moved behind the back
 * of that map (maintenance.ts), and their connections look like those of any other client. So what
 * counts is that some connection of the same library from the same address has asked for the map,
 * at any node. A plain client beside one of a cluster is taken for one too, and is then served as
 * one that turned maintenance notifications off.
 */
import { limits } from '../limits.js';
import type { Connection } from './connection.js';

export class ClusterClients {
  private readonly known = new Set<string>();

  /** `tell`: to all other nodes. */
  constructor(private readonly tell: (who: readonly string[]) => void) {}

  get all(): readonly string[] {
    return [...this.known];
  }

  /** It asked for the map. */
  note(connection: Connection): void {
    const who = nameOf(connection);
    if (this.known.has(who)) return;
    this.heard([who]);
    this.tell([who]);
  }

  /** Another node knows them. */
  heard(who: readonly string[]): void {
    for (const each of who) {
      this.known.add(each);
      if (this.known.size <= limits.clusterClientsMax) continue;
      const [oldest] = this.known;
      this.known.delete(oldest!);
    }
  }

  has(connection: Connection): boolean {
    return this.known.has(nameOf(connection));
  }
}

function nameOf({ socket, session }: Connection): string {
  return `${socket.remoteAddress ?? ''} ${session.libraryName}`;
}
