/**
 * Stands before the peer port of one node. The first frame of a connection names the node that
 * calls, so each direction of it is put under the rules of its own link (links.ts).
 */
import net from 'node:net';
import { decodeHello } from '../src/codec/hello.js';
import { FrameReader, frameType } from '../src/transport/frame.js';
import type { Links, LinkUser } from './links.js';

/** Bytes held in one direction before its sender is not read any more. */
const heldBytesMax = 1024 * 1024;
/** As a retransmission after packets were lost. */
const stallMsMin = 200;
const stallMsMax = 600;

export class Relay {
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();

  private constructor(
    private readonly links: Links,
    private readonly node: string,
    private readonly peerPort: number,
  ) {
    this.server = net.createServer({ noDelay: true }, (socket) => this.accept(socket));
  }

  static async start(links: Links, node: string, peerPort: number, port: number): Promise<Relay> {
    const relay = new Relay(links, node, peerPort);
    await new Promise<void>((resolve, reject) => {
      relay.server.once('error', reject);
      relay.server.listen(port, '127.0.0.1', resolve);
    });
    return relay;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(caller: net.Socket): void {
    this.watch(caller);
    const early: Buffer[] = [];
    const bounds = { frameBytesMax: heldBytesMax, messageBytesMax: heldBytesMax };
    const reader = new FrameReader({
      ...bounds,
      onFrame: (type, payload) => {
        reader.stop();
        caller.off('data', onData);
        caller.pause();
        if (type !== frameType.hello) caller.destroy();
        else this.join(caller, decodeHello(payload).hello.nodeId, early);
      },
    });
    const onData = (chunk: Buffer) => {
      early.push(chunk);
      try {
        reader.push(chunk);
      } catch {
        // No hello of a peer: whoever it is has no business here.
        caller.destroy();
      }
    };
    caller.on('data', onData);
  }

  private join(caller: net.Socket, from: string, early: readonly Buffer[]): void {
    const target = net.connect({ host: '127.0.0.1', port: this.peerPort, noDelay: true });
    this.watch(target);
    const there = new Pipe(this.links, from, this.node, caller, target);
    const back = new Pipe(this.links, this.node, from, target, caller);
    for (const chunk of early) there.take(chunk);
    const leave = () => {
      this.links.users.delete(there);
      this.links.users.delete(back);
    };
    for (const pipe of [there, back]) {
      this.links.users.add(pipe);
      pipe.start();
    }
    caller.once('close', () => target.destroyed && leave());
    target.once('close', () => caller.destroyed && leave());
  }

  private watch(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
  }
}

/** One direction of one connection. */
class Pipe implements LinkUser {
  private readonly held: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  private heldBytes = 0;
  private timer: NodeJS.Timeout | null = null;
  private ended = false;

  constructor(
    private readonly links: Links,
    readonly from: string,
    readonly to: string,
    private readonly source: net.Socket,
    private readonly target: net.Socket,
  ) {}

  start(): void {
    this.source.on('data', (chunk: Buffer) => this.take(chunk));
    this.source.once('close', () => {
      this.ended = true;
      this.flush();
    });
    this.target.on('drain', () => this.flush());
    this.source.resume();
  }

  take(chunk: Buffer): void {
    const { random } = this.links;
    const { delayMs, stallPermille, resetPermille } = this.links.state(this.from, this.to);
    if (random.next() % 1000 < resetPermille) return this.reset();
    const stalls = random.next() % 1000 < stallPermille;
    const stallMs = stalls ? stallMsMin + (random.next() % (stallMsMax - stallMsMin)) : 0;
    const earliest = this.held.at(-1)?.dueMs ?? 0;
    const dueMs = Math.max(earliest, performance.now() + delayMs + stallMs);
    this.held.push({ chunk, dueMs });
    this.heldBytes += chunk.length;
    if (this.heldBytes > heldBytesMax) this.source.pause();
    this.flush();
  }

  linkChanged(): void {
    this.flush();
  }

  reset(): void {
    this.source.resetAndDestroy();
    this.target.resetAndDestroy();
  }

  /** Passes on what is due. The end of the connection waits behind the bytes, and for the link. */
  private flush(): void {
    if (this.links.state(this.from, this.to).cut || this.target.destroyed) return;
    const now = performance.now();
    while (this.held.length > 0 && !this.target.writableNeedDrain) {
      if (this.held[0]!.dueMs > now) return this.flushLater(this.held[0]!.dueMs - now);
      const { chunk } = this.held.shift()!;
      this.heldBytes -= chunk.length;
      this.target.write(chunk);
    }
    if (this.held.length > 0) return;
    if (this.ended) this.target.destroySoon();
    else if (this.source.isPaused()) this.source.resume();
  }

  private flushLater(delayMs: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.flush();
    }, Math.ceil(delayMs));
  }
}
