/**
 * Sockets that read into a buffer given to them, used by the listeners for clients and for
 * peers. A socket otherwise makes a buffer of 64 KiB for each read, shortens it to what came, and
 * leaves it to whoever keeps a part: that takes time, and room between what lives longer.
 */
import { Socket } from 'node:net';

/** Hears of bytes that came, which change as soon as it returns. */
export type Receive = (bytes: Buffer) => void;

/** What the sockets of one listener are read into, one after the other. */
export class ReadBuffer {
  private readonly buffer: Buffer;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /** `onread` of node:net, for a socket that calls. */
  onread(receive: Receive) {
    const callback = (bytes: number) => {
      receive(this.buffer.subarray(0, bytes));
      return true;
    };
    return { buffer: this.buffer, callback };
  }
}

/** What node:net keeps in an accepted socket; absent where it keeps it elsewhere. */
interface Accepted {
  _handle?: object | null;
}

/**
 * The same connection as a socket that reads into the buffer. Sockets can be made so only at the
 * calling side (`onread`); at this side, where the server must pause them when they connect, the
 * connection has to be moved into a new one. The server no longer counts it then: see allClosed().
 */
export function intoBuffer(
  accepted: Socket & Accepted,
  buffer: ReadBuffer,
  receive: Receive,
  allowHalfOpen: boolean,
): Socket {
  const handle = accepted._handle;
  if (handle === undefined || handle === null) return readItself(accepted, receive);
  accepted._handle = null;
  accepted.destroy();
  return new Socket({ handle, allowHalfOpen, onread: buffer.onread(receive) } as object);
}

/** Resolves when the last of these is gone; none may be gone already. */
export async function allClosed(sockets: Iterable<Socket>): Promise<void> {
  const closed = (socket: Socket) =>
    new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.all([...sockets].map(closed));
}

/** A socket with a buffer for each read: slower, otherwise the same. */
function readItself(socket: Socket, receive: Receive): Socket {
  socket.on('data', receive);
  socket.resume();
  return socket;
}
