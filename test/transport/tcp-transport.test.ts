import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TgError } from '../../src/errors.js';
import { frameType } from '../../src/transport/frame.js';
import { PeerState } from '../../src/transport/peer-state.js';
import { append, entryOf, heartbeat, until } from './peer-fixtures.js';
import { type RawPeer, TcpWorld } from './tcp-world.js';

const MiB = 1 << 20;

describe('TcpTransport', () => {
  let world: TcpWorld;
  beforeEach(() => {
    world = new TcpWorld();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await world.close();
  });

  it('writes once per peer and turn, and the messages of a turn are one set', async () => {
    const [a, b] = await world.pair();
    const single = vi.spyOn(Socket.prototype, '_write');
    const many = vi.spyOn(Socket.prototype as unknown as { _writev: () => void }, '_writev');
    a.transport.send('b', [heartbeat('a', 'b', 1), heartbeat('a', 'b', 2)]);
    a.transport.send('b', [append('a', 'b', [entryOf(1, Buffer.alloc(50_000))])]);
    a.transport.sendApplication('b', 0, Buffer.from('payload'));
    a.transport.send('b', [heartbeat('a', 'b', 3)]);
    await until('all there', () => b.handler.applications.length === 1);
    expect(b.handler.sets.map((set) => set.length)).toEqual([4]);
    expect(single.mock.calls.length + many.mock.calls.length).toBe(1);
  });

  it('ends a connection whose bytes do not decode, whatever the decoder calls it', async () => {
    const [a, b] = await world.pair();
    b.handler.onApplication = () => {
      throw new TgError('CORRUPT', 'a batch of touches is damaged');
    };
    a.transport.sendApplication('b', 0, Buffer.from('payload'));
    await until('the connection ended', () => b.handler.events.includes('down a'));
    await until('and came back', () => b.handler.isUp('a'));
  });

  it('carries an entry of 20 MB and one of 150 MB beside small ones', async () => {
    const [a, b] = await world.pair();
    const sizes = [20 * MiB, 10, 150 * MiB];
    const entries = sizes.map((size, i) => entryOf(i + 1, Buffer.alloc(size, i + 1)));
    for (const entry of entries) a.transport.send('b', [append('a', 'b', [entry])]);
    await until('all there', () => b.handler.messages.length === 3);
    const got = b.handler.messages.flatMap((m) => (m.kind === 'append-request' ? m.entries : []));
    expect(got.map(({ data }) => data.length)).toEqual(sizes);
    expect(got.every(({ data }, i) => Buffer.compare(data, entries[i]!.data) === 0)).toBe(true);
    expect(a.handler.events).toEqual(['up b']);
  });

  it('requirement 9: lets heartbeats overtake a large entry, but nothing else', async () => {
    const [a, b] = await world.pair();
    a.transport.send('b', [append('a', 'b', [entryOf(1, Buffer.alloc(100 * MiB))])]);
    await new Promise((resolve) => setImmediate(resolve));
    a.transport.send('b', [
      append('a', 'b', [entryOf(2, Buffer.alloc(10))]),
      heartbeat('a', 'b', 1),
    ]);
    a.transport.sendApplication('b', 0, Buffer.from('x'));
    let messagesBefore = -1;
    b.handler.onApplication = () => {
      messagesBefore = b.handler.messages.length;
    };
    await until('all there', () => messagesBefore >= 0);
    expect(messagesBefore).toBe(3);
    const order = b.handler.messages.map((m) =>
      m.kind === 'append-request' ? `entry ${m.entries[0]!.index}` : m.kind,
    );
    expect(order).toEqual(['heartbeat-request', 'entry 1', 'entry 2']);
  });

  it('drops entries behind a large one beyond the bound, but no heartbeats', async () => {
    const [a, b] = await world.pair({ outputBytesMax: 8 * MiB });
    a.transport.send('b', [append('a', 'b', [entryOf(1, Buffer.alloc(30 * MiB))])]);
    await new Promise((resolve) => setImmediate(resolve));
    a.transport.send('b', [append('a', 'b', [entryOf(2, Buffer.alloc(10))])]);
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    expect(a.transport.sendApplication('b', 0, Buffer.from('x'))).toBe(false);
    await until('both there', () => b.handler.messages.length === 2);
    await until('room again', () => a.transport.sendApplication('b', 0, Buffer.from('x')));
    await until('the end', () => b.handler.applications.length === 1);
    expect(b.handler.messages.map(({ kind }) => kind)).toEqual([
      'heartbeat-request',
      'append-request',
    ]);
  });

  it('cuts messages into frames of any size', async () => {
    const [a, b] = await world.pair({ frameBytesMax: 7 });
    a.transport.send('b', [append('a', 'b', [entryOf(1, Buffer.from('some data to be cut'))])]);
    a.transport.sendApplication('b', 3, Buffer.from('a payload to be cut'));
    await until('there', () => b.handler.applications.length === 1);
    expect(Buffer.from(b.handler.applications[0]!.payload).toString()).toBe('a payload to be cut');
    expect(b.handler.messages.length).toBe(1);
  });

  it('requirement 25: holds no more than the bound for a peer that does not read', async () => {
    const outputBytesMax = 2 * MiB;
    const node = await world.start('a', { outputBytesMax });
    let peer: RawPeer | null = null;
    const address = await world.listen((raw) => {
      peer = raw;
      raw.hello('b');
    });
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until('up', () => node.handler.isUp('b'));
    peer!.socket.pause();
    const payload = Buffer.alloc(64 * 1024);
    const writes = vi.spyOn(Socket.prototype, 'write');
    let sent = 0;
    await until('full', () => {
      for (let i = 0; i < 10; i++) sent += node.transport.sendApplication('b', 0, payload) ? 1 : 0;
      return !node.transport.sendApplication('b', 0, payload);
    });
    const socket = writes.mock.contexts[0] as Socket;
    expect(socket.writableLength).toBeLessThan(outputBytesMax + MiB);
    for (let i = 0; i < 1000; i++) node.transport.send('b', [heartbeat('a', 'b', i)]);
    expect(socket.writableLength).toBeLessThan(outputBytesMax + MiB);
    peer!.socket.resume();
    const received = () => peer!.frames.filter(({ type }) => type === frameType.application).length;
    await until('all accepted ones arrived', () => received() >= sent);
    expect(node.transport.sendApplication('b', 0, payload)).toBe(true);
  });

  it('connects again when the listener restarts, and messages pass again', async () => {
    const [a, b] = await world.pair();
    const listenPort = b.transport.port;
    await b.transport.stop();
    await until('down', () => !a.handler.isUp('b'));
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    const again = await world.start('b', { listenPort });
    await until('up', () => a.handler.isUp('b') && again.handler.isUp('a'));
    a.transport.send('b', [heartbeat('a', 'b', 2)]);
    await until('there', () => again.handler.messages.length > 0);
    expect(again.handler.messages).toEqual([heartbeat('a', 'b', 2)]);
  });

  it('requirement 57: ends a connection on which nothing comes, and calls anew', async () => {
    const node = await world.start('a', { silenceMs: 80 });
    const peers: RawPeer[] = [];
    const address = await world.listen((peer) => {
      peers.push(peer);
      peer.hello('b');
    });
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until('called again', () => peers.length >= 2);
    expect(node.handler.events.slice(0, 2)).toEqual(['up b', 'down b']);
    const types = peers[0]!.frames.map(({ type }) => type);
    expect(types.filter((type) => type === frameType.ping).length).toBeGreaterThan(1);
  });

  it('a peer that has nothing to say says that, and stays', async () => {
    const [a, b] = await world.pair({ silenceMs: 40 });
    const pongs = vi.spyOn(PeerState.prototype, 'renewed');
    pongs.mockClear();
    await until('many answers', () => pongs.mock.calls.length > 40);
    expect(a.handler.events).toEqual(['up b']);
    expect(b.handler.events).toEqual(['up a']);
  });

  it('keeps a peer whose answers are held up behind a large value', async () => {
    const silenceMs = 200;
    const node = await world.start('a', { silenceMs });
    const peers: RawPeer[] = [];
    const address = await world.listen((raw) => {
      peers.push(raw);
      raw.hello('b');
    });
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until('up', () => node.handler.isUp('b'));
    const { socket } = peers[0]!;
    socket.pause();
    node.transport.send('b', [append('a', 'b', [entryOf(1, Buffer.alloc(60 * MiB))])]);
    const pings = setInterval(() => socket.write(peers[0]!.bytes(frameType.ping)), silenceMs / 4);
    const written = vi.spyOn(Socket.prototype, 'write');
    await until('pongs', () => written.mock.contexts.filter((one) => one !== socket).length > 20);
    clearInterval(pings);
    expect(peers).toHaveLength(1);
    await until('without pings it ends', () => peers.length > 1);
  });

  it('follows a peer to another address', async () => {
    const [a, b] = await world.pair();
    await b.transport.stop();
    const moved = await world.start('b');
    a.transport.setPeers([{ id: 'b', peerAddress: moved.address }]);
    await until('up', () => a.handler.isUp('b') && moved.handler.isUp('a'));
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    await until('there', () => moved.handler.messages.length === 1);
  });

  it('is up again when only one of two directions broke', async () => {
    const [a, b] = [await world.start('a'), await world.start('b')];
    let admitted = 0;
    for (const { handler } of [a, b]) {
      handler.admit_ = () => {
        admitted++;
        return null;
      };
    }
    a.transport.setPeers([{ id: 'b', peerAddress: b.address }]);
    b.transport.setPeers([{ id: 'a', peerAddress: a.address }]);
    await until('both dialed', () => admitted === 4);
    a.transport.sendApplication('b', 0, Buffer.from('x'));
    b.transport.sendApplication('a', 0, Buffer.from('x'));
    await until('both open', () =>
      [a, b].every(({ handler }) => handler.applications.length === 1),
    );
    // b's own connection goes elsewhere; the one of a to b stays.
    const elsewhere = await world.listen(() => {});
    b.transport.setPeers([{ id: 'a', peerAddress: elsewhere }]);
    await until('asked', () => a.handler.events.length >= 3);
    expect(a.handler.events).toEqual(['up b', 'down b', 'up b']);
    expect(b.handler.events).toEqual(['up a']);
  });

  it('forgets a peer that left and hears it no more', async () => {
    const [a, b] = await world.pair();
    a.transport.setPeers([]);
    b.transport.setPeers([]);
    await until('down', () => !a.handler.isUp('b') && !b.handler.isUp('a'));
    expect(a.transport.sendApplication('b', 0, Buffer.from('x'))).toBe(false);
  });

  it('waits longer and longer for a peer that hangs up', async () => {
    const node = await world.start('a', { reconnectMinMs: 5, reconnectMaxMs: 40, random: () => 1 });
    const times: number[] = [];
    const address = await world.listen((peer) => {
      times.push(performance.now());
      peer.socket.destroy();
    });
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until('several calls', () => times.length >= 8);
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(Math.min(...waits.slice(-2))).toBeGreaterThan(30);
  });

  it('does without a peer whose address is none', async () => {
    const warn = vi.fn();
    const node = await world.start('a', { logger: { info: () => {}, warn } });
    for (const peerAddress of ['nowhere', ':1', 'host:0', 'host:70000', '::1:80']) {
      node.transport.setPeers([{ id: 'b', peerAddress }]);
    }
    expect(warn).toHaveBeenCalledTimes(5);
    await expect(node.transport.introduce('nowhere')).rejects.toThrow('"nowhere" is not HOST:PORT');
  });

  it('says which port cannot be had', async () => {
    const node = await world.start('a');
    const taken = world.start('b', { listenPort: node.transport.port });
    await expect(taken).rejects.toThrow('EADDRINUSE');
  });

  it('reports an introduction that fails', async () => {
    const node = await world.start('a');
    const address = await world.listen((peer) => peer.socket.destroy());
    await expect(node.transport.introduce(address)).rejects.toThrow('no introduction from');
  });
});
