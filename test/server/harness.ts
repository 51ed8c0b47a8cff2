/** A server on a free port over a FakeGroup, and raw clients that read replies as text. */
import { connect, type Socket } from 'node:net';
import { Settings } from '../../src/config.js';
import { SystemClock } from '../../src/node/system-clock.js';
import { ClusterClients } from '../../src/server/cluster-clients.js';
import type { PublishedMessage } from '../../src/server/pubsub.js';
import { RespServer } from '../../src/server/resp-server.js';
import { FakeGroup } from './fake-group.js';
import { FakeMembership } from './fake-membership.js';

export interface World {
  readonly group: FakeGroup;
  readonly membership: FakeMembership;
  readonly server: RespServer;
  readonly settings: Settings;
  readonly port: number;
  shutdowns: number;
  /** What would go to other nodes. */
  readonly broadcasts: PublishedMessage[];
  stop(): Promise<void>;
}

export async function startServer(
  given: Record<string, string> = {},
  host = '127.0.0.1',
): Promise<World> {
  const group = new FakeGroup();
  const membership = new FakeMembership();
  const settings = new Settings(
    Object.entries(given).map(([name, value]) => ({ name, value, from: 'test' })),
  );
  const broadcasts: PublishedMessage[] = [];
  const server = new RespServer({
    host,
    port: 0,
    nodeId: 'n1',
    group,
    membership,
    settings,
    clock: new SystemClock(),
    onShutdown: () => {
      world.shutdowns++;
    },
    configFile: null,
    rewriteConfig: () => null,
    broadcast: (message) => broadcasts.push(message),
    clusterClients: new ClusterClients(() => {}),
    onError: (what, error) => {
      throw new Error(what, { cause: error });
    },
  });
  await server.start();
  const world: World = {
    group,
    membership,
    server,
    settings,
    port: server.port,
    shutdowns: 0,
    broadcasts,
    stop: () => server.stop(100),
  };
  return world;
}

/** Sends bytes and waits for bytes. */
export class RawClient {
  received = '';
  closed = false;
  private wake: () => void = () => {};

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.wake();
    });
    socket.on('error', () => this.wake());
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static async open(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = connect(port, host);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Sends inline commands, or anything, and takes exactly the expected reply. */
  async ask(text: string, replyBytes: number): Promise<string> {
    this.send(text);
    return this.take(replyBytes);
  }

  async take(bytes: number): Promise<string> {
    await this.until(() => this.received.length >= bytes);
    const taken = this.received.slice(0, bytes);
    this.received = this.received.slice(bytes);
    return taken;
  }

  /** Everything up to the close of the connection. */
  async rest(): Promise<string> {
    await this.until(() => this.closed);
    return this.received;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

export function encode(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Looks once per turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setImmediate(resolve));
}
