/**
 * Accepts clients. What they send is read into one buffer for all of them, and is theirs only
 * while it is looked at: with a buffer for each read, as sockets do it otherwise, a third of the
 * time of a small command that is not the kernel's goes into making and collecting those.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { limits } from '../limits.js';
import { allClosed, intoBuffer, ReadBuffer, type Receive } from '../read-into.js';

export interface ClientListenerEvents {
  /** A text: the client is not let in. */
  refusal(socket: Socket): string | null;
  onRefused(): void;
  onClient(socket: Socket): Receive;
}

export class ClientListener {
  private readonly server: Server;
  private readonly open = new Set<Socket>();
  private readonly buffer = new ReadBuffer(limits.clientReadBytes);
  private closing: Promise<void> | null = null;

  constructor(private readonly events: ClientListenerEvents) {
    const options = { noDelay: true, allowHalfOpen: true, pauseOnConnect: true };
    this.server = createServer(options, (socket) => this.accept(socket));
  }

  /** The port listened at; 0 before start(). */
  get port(): number {
    const address = this.server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Resolves when clients can connect; rejects with the error of listen(). */
  async start(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  /** The listening socket failed, e.g. for want of file descriptors; it goes on. */
  onError(listener: (error: unknown) => void): void {
    this.server.on('error', listener);
  }

  /** Lets nobody in any more; resolves when the last client is gone. */
  close(): Promise<void> {
    this.closing ??= Promise.all([this.endListening(), allClosed(this.open)]).then(() => {});
    return this.closing;
  }

  private endListening(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private accept(accepted: Socket): void {
    const refusal = this.events.refusal(accepted);
    if (refusal === null) this.letIn(accepted);
    else {
      this.events.onRefused();
      accepted.on('error', () => accepted.destroy());
      accepted.write(`-${refusal}\r\n`);
      // What is not read would turn the end into a reset that overtakes the text.
      accepted.resume();
      accepted.destroySoon();
    }
  }

  private letIn(accepted: Socket): void {
    let receive: Receive = () => {};
    const socket = intoBuffer(accepted, this.buffer, (bytes) => receive(bytes), true);
    // Asked for once, it is known after the client has gone too.
    void socket.remoteAddress;
    this.open.add(socket);
    socket.on('close', () => this.open.delete(socket));
    receive = this.events.onClient(socket);
  }
}
