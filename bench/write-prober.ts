/** Tries a write at one node, every few milliseconds, until the node acknowledges it. */
import net from 'node:net';

const retryMs = 2;

export class WriteProber {
  private readonly socket: net.Socket;
  readonly connected: Promise<void>;
  private closed = false;

  constructor(
    port: number,
    private readonly command: Buffer,
  ) {
    this.socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    this.connected = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.on('error', reject);
    });
  }

  /** Resolves with the time of +OK; any other reply is a reason to try again. */
  acknowledged(): Promise<number> {
    return new Promise((resolve) => {
      this.socket.on('data', (chunk: Buffer) => {
        if (chunk.toString('latin1').startsWith('+OK')) resolve(performance.now());
        else setTimeout(() => this.send(), retryMs);
      });
      this.send();
    });
  }

  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  private send(): void {
    if (!this.closed) this.socket.write(this.command);
  }
}
