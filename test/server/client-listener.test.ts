/** Accepting clients: bytes in one shared buffer, ends and pauses as with any socket. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../src/limits.js';
import { ClientListener } from '../../src/server/client-listener.js';

interface Client {
  readonly socket: Socket;
  readonly buffers: Set<ArrayBufferLike>;
  text: string;
}

let refusal: string | null;
let clients: Client[];
let listener: ClientListener;
const opened: Socket[] = [];

beforeEach(async () => {
  refusal = null;
  clients = [];
  listener = new ClientListener({
    refusal: () => refusal,
    onRefused: () => {},
    onClient: (socket) => {
      const client: Client = { socket, buffers: new Set(), text: '' };
      clients.push(client);
      socket.on('error', () => {});
      return (bytes) => {
        client.buffers.add(bytes.buffer);
        client.text += bytes.toString('latin1');
      };
    },
  });
  await listener.start('127.0.0.1', 0);
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
  for (const { socket } of clients) socket.destroy();
  void listener.close();
});

async function open(): Promise<Socket> {
  const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
  opened.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function accepted(count: number): Promise<Client[]> {
  await vi.waitFor(() => expect(clients).toHaveLength(count));
  return clients;
}

describe('ClientListener', () => {
  it('reads all clients into one buffer', async () => {
    const [a, b] = [await open(), await open()];
    const [first, second] = await accepted(2);
    a.write('from a');
    await vi.waitFor(() => expect(first!.text).toBe('from a'));
    b.write('from b');
    await vi.waitFor(() => expect(second!.text).toBe('from b'));
    expect(new Set([...first!.buffers, ...second!.buffers]).size).toBe(1);
  });

  it('hears the end of a client that goes on listening', async () => {
    const socket = await open();
    const [client] = await accepted(1);
    const ended = once(client!.socket, 'end');
    socket.end('last');
    await ended;
    expect(client!.text).toBe('last');
    const answer = once(socket, 'data');
    client!.socket.end('answer');
    expect(String((await answer)[0])).toBe('answer');
  });

  it('stops reading a paused client, and goes on', async () => {
    const socket = await open();
    const [client] = await accepted(1);
    socket.write('1');
    await vi.waitFor(() => expect(client!.text).toBe('1'));
    client!.socket.pause();
    const rest = 'x'.repeat(3 * limits.clientReadBytes);
    socket.write(rest);
    // Another client is served meanwhile: whatever was read would be here by then.
    (await open()).write('2');
    await accepted(2);
    await vi.waitFor(() => expect(clients[1]!.text).toBe('2'));
    expect(client!.text).toBe('1');
    client!.socket.resume();
    await vi.waitFor(() => expect(client!.text).toBe(`1${rest}`));
  });

  it('tells a client why it is not let in, although it has sent something', async () => {
    refusal = 'ERR no';
    const socket = connect(listener.port, '127.0.0.1');
    opened.push(socket);
    socket.write('PING\r\n');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes;
    });
    await once(socket, 'close');
    expect([text, clients.length]).toEqual(['-ERR no\r\n', 0]);
  });

  it('is closed when the last client is gone', async () => {
    await open();
    const [client] = await accepted(1);
    let closed = false;
    const closing = listener.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    client!.socket.destroy();
    await Promise.all([closing, listener.close()]);
  });

  it('knows the address of a client that was reset', async () => {
    const socket = await open();
    const [client] = await accepted(1);
    socket.resetAndDestroy();
    await vi.waitFor(() => expect(client!.socket.destroyed).toBe(true));
    expect(client!.socket.remoteAddress).toBe('127.0.0.1');
  });

  it('is closed at once without clients', async () => {
    await listener.close();
    await expect(open()).rejects.toThrow('ECONNREFUSED');
  });
});
