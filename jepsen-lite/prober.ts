/**
 * Writes through every node all the time, through those that come later too, and remembers when
 * writes were acknowledged: the longest silence is how long the cluster was not available.
 */

import type { HostPort } from '../src/host-port.js';
import { pause } from './client.js';
import { Connection } from './connection.js';
import type { NodeCluster } from './node-cluster.js';

const everyMs = 10;
const answerMsMax = 1000;

export class Prober {
  private readonly loops: Promise<void>[];
  private running = true;
  private lastAckMs = performance.now();
  private longestMs = 0;

  constructor(cluster: NodeCluster) {
    const ids = cluster.places.map(({ id }) => id);
    this.loops = ids.map((id) => this.probe(cluster.address(id), `probe:${id}`));
  }

  /** Silence counts from now, or from the last acknowledgement before. */
  begin(): void {
    this.longestMs = 0;
  }

  /** Ms, the silence that lasts now included. */
  end(): number {
    return Math.max(this.longestMs, performance.now() - this.lastAckMs);
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
  }

  private async probe(address: HostPort, key: string): Promise<void> {
    let connection: Connection | null = null;
    while (this.running) {
      if (connection === null || connection.closed) connection = await Connection.open(address);
      const [reply] = (await connection?.ask([['SET', key, 'x']], answerMsMax)) ?? [];
      if (reply === 'OK') this.acknowledged();
      await pause(everyMs);
    }
    connection?.close();
  }

  private acknowledged(): void {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.lastAckMs);
    this.lastAckMs = now;
  }
}
