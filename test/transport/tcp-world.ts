/** Real transports and raw sockets for the tests of TcpTransport; all ended by close(). */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { encodeHello, type HelloPurpose } from '../../src/codec/hello.js';
import { SystemClock } from '../../src/node/system-clock.js';
import type { PeerHello } from '../../src/ports.js';
import { cutFrames, FrameReader, frameType } from '../../src/transport/frame.js';
import type { TcpTransportOptions } from '../../src/transport/tcp-options.js';
import { TcpTransport } from '../../src/transport/tcp-transport.js';
import { helloOf, RecordingHandler, until } from './peer-fixtures.js';

export interface TcpNode {
  readonly transport: TcpTransport;
  readonly handler: RecordingHandler;
  readonly address: string;
}

export class TcpWorld {
  readonly #nodes: TcpNode[] = [];
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];

  async start(nodeId: string, options: Partial<TcpTransportOptions> = {}): Promise<TcpNode> {
    const transport = new TcpTransport({
      ...{ nodeId, listenHost: '127.0.0.1', listenPort: 0, clock: new SystemClock() },
      ...{ reconnectMaxMs: 50, ...options },
    });
    const handler = new RecordingHandler(nodeId);
    await transport.start(handler);
    const node = { transport, handler, address: `127.0.0.1:${transport.port}` };
    this.#nodes.push(node);
    return node;
  }

  async pair(options: Partial<TcpTransportOptions> = {}): Promise<[TcpNode, TcpNode]> {
    const a = await this.start('a', options);
    const b = await this.start('b', options);
    a.transport.setPeers([{ id: 'b', peerAddress: b.address }]);
    b.transport.setPeers([{ id: 'a', peerAddress: a.address }]);
    await until('both up', () => a.handler.isUp('b') && b.handler.isUp('a'));
    return [a, b];
  }

  /** A bare connection to a node. */
  async dial(node: TcpNode): Promise<RawPeer> {
    const socket = connect(node.transport.port, '127.0.0.1');
    this.#sockets.push(socket);
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  /** A bare listener; `onPeer` gets each connection. */
  async listen(onPeer: (peer: RawPeer) => void): Promise<string> {
    const server = createServer((socket) => {
      this.#sockets.push(socket);
      onPeer(new RawPeer(socket));
    });
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const { transport } of this.#nodes) await transport.stop();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }
}

/** The other end of a connection, without any manners of its own. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: { readonly type: number; readonly text: string }[] = [];
  ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader({
      ...{ frameBytesMax: 1 << 24, messageBytesMax: 1 << 24 },
      onFrame: (type, payload) => this.frames.push({ type, text: Buffer.from(payload).toString() }),
    });
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.ended = true;
    });
  }

  bytes(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
    return Buffer.concat([...cutFrames(type, [payload], 1 << 22)].flat());
  }

  hello(
    nodeId: string,
    fields: Partial<PeerHello> = {},
    purpose: HelloPurpose = 'peer',
    sequence = 0,
  ): void {
    const bytes = encodeHello({ hello: { ...helloOf(nodeId), ...fields }, purpose, sequence });
    this.socket.write(this.bytes(frameType.hello, bytes));
  }

  /** As a dialer of good manners. */
  async join(nodeId: string, purpose: HelloPurpose = 'peer'): Promise<void> {
    this.hello(nodeId, {}, purpose);
    await until('answered', () => this.frames.length > 0);
    this.socket.write(this.bytes(frameType.ready));
  }
}
