import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeHello } from '../../src/codec/hello.js';
import { encodeMessages } from '../../src/codec/messages.js';
import { frameType } from '../../src/transport/frame.js';
import { heartbeat, helloOf, until } from './peer-fixtures.js';
import { type RawPeer, TcpWorld } from './tcp-world.js';

describe('a connection to a node', () => {
  let world: TcpWorld;
  beforeEach(() => {
    world = new TcpWorld();
  });
  afterEach(() => world.close());

  it('is refused with a text for another magic or protocol version', async () => {
    const node = await world.start('a');
    for (const [place, text] of [
      [0, 'not a tgcache peer'],
      [5, 'peer protocol version 254, this node speaks 1'],
    ] as const) {
      const peer = await world.dial(node);
      const hello = Buffer.from(encodeHello({ hello: helloOf('b'), purpose: 'peer', sequence: 0 }));
      hello[place] = hello[place]! ^ 0xff;
      peer.socket.write(peer.bytes(frameType.hello, hello));
      await until('ended', () => peer.ended);
      expect(peer.frames).toEqual([{ type: frameType.refused, text }]);
    }
    expect(node.handler.events).toEqual([]);
  });

  it('requirement 7: is refused with the text of admit, also one with the own id', async () => {
    const node = await world.start('a');
    node.handler.admit_ = ({ clusterId }) =>
      clusterId === 'x' ? 'cluster x, not cluster-1' : null;
    const stranger = await world.dial(node);
    stranger.hello('b', { clusterId: 'x' });
    const double = await world.dial(node);
    double.hello('a');
    await until('both ended', () => stranger.ended && double.ended);
    expect(stranger.frames).toEqual([
      { type: frameType.refused, text: 'cluster x, not cluster-1' },
    ]);
    expect(double.frames).toEqual([{ type: frameType.refused, text: 'a is the id of this node' }]);
    expect(node.handler.events).toEqual([]);
  });

  it('is refused while another data directory lives under the same id', async () => {
    const node = await world.start('a');
    const [first, second] = [await world.start('b'), await world.start('b')];
    second.handler.hello_ = { ...helloOf('b'), incarnation: 'another' };
    first.transport.setPeers([{ id: 'a', peerAddress: node.address }]);
    await until('the first is up', () => node.handler.isUp('b'));
    const calling = await world.dial(node);
    calling.hello('b', { incarnation: 'another' });
    await until('refused', () => calling.ended);
    expect(calling.frames.map(({ text }) => text)).toEqual([
      'node b is connected with another data directory',
    ]);
    second.transport.setPeers([{ id: 'a', peerAddress: node.address }]);
    await until('the first answered', () => first.handler.isUp('a'));
    expect(node.handler.events).toEqual(['up b']);
    await first.transport.stop();
    await until('the second takes its place', () => node.handler.hellos.length === 2);
    expect(node.handler.hellos.map((hello) => hello.incarnation)).toEqual([
      helloOf('b').incarnation,
      'another',
    ]);
  });

  it('takes the place of one that no longer answers under the same id', async () => {
    const node = await world.start('a', { rivalAnswerMs: 20 });
    const silent = await world.dial(node);
    await silent.join('b');
    await until('up', () => node.handler.isUp('b'));
    const newcomer = await world.start('b');
    newcomer.handler.hello_ = { ...helloOf('b'), incarnation: 'another' };
    newcomer.transport.setPeers([{ id: 'a', peerAddress: node.address }]);
    await until('replaced', () => node.handler.hellos.at(-1)?.incarnation === 'another');
    await until('ended', () => silent.ended);
    expect(node.handler.events).toEqual(['up b', 'down b', 'up b']);
  });

  it('is closed for a large, late or missing hello', async () => {
    const node = await world.start('a', { helloTimeoutMs: 50 });
    const large = await world.dial(node);
    large.socket.write(large.bytes(frameType.hello, Buffer.alloc(64 * 1024 + 1)));
    const silent = await world.dial(node);
    const early = await world.dial(node);
    early.socket.write(early.bytes(frameType.messages, Buffer.from('x')));
    const half = await world.dial(node);
    half.hello('b');
    await until('all closed', () => [large, silent, early, half].every((peer) => peer.ended));
    expect(large.frames.concat(silent.frames, early.frames)).toEqual([]);
    expect(node.handler.events).toEqual([]);
  });

  it('is not opened when another node answers at the address', async () => {
    const node = await world.start('a');
    const other = await world.start('c');
    node.transport.setPeers([{ id: 'b', peerAddress: other.address }]);
    let texts: string[] = [];
    const address = await world.listen((peer) => {
      peer.hello('c');
      peer.socket.on('close', () => {
        texts = peer.frames
          .filter(({ type }) => type === frameType.refused)
          .map(({ text }) => text);
      });
    });
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until('refused', () => texts.length > 0);
    expect(texts[0]).toBe('this is node c, not b');
    expect([node.handler.events, other.handler.events]).toEqual([[], []]);
  });

  it('may not change its node id', async () => {
    const node = await world.start('a');
    const peer = await world.dial(node);
    await peer.join('b');
    await until('up', () => node.handler.isUp('b'));
    peer.hello('c');
    await until('ended', () => peer.ended);
    expect(node.handler.events).toEqual(['up b', 'down b']);
  });

  it('does not bring back an older hello over another connection', async () => {
    const node = await world.start('a');
    const address = await world.listen((peer) => {
      peer.hello('b', { zone: 'old' });
      accepted = peer;
    });
    let accepted: RawPeer | null = null;
    const dialed = await world.dial(node);
    await dialed.join('b');
    dialed.hello('b', { zone: 'new' }, 'peer', 5);
    await until('told', () => node.handler.hellos.at(-1)?.zone === 'new');
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until(
      'open',
      () => accepted?.frames.some(({ type }) => type === frameType.ready) === true,
    );
    expect(node.handler.hellos.map(({ zone }) => zone)).toEqual([null, 'new']);
  });

  it('requirement 26: delivers whole frames before a break and drops the half one', async () => {
    const node = await world.start('a');
    const peer = await world.dial(node);
    await peer.join('b');
    const set = (round: number) =>
      peer.bytes(frameType.messages, Buffer.concat(encodeMessages([heartbeat('b', 'a', round)])));
    peer.socket.write(Buffer.concat([set(1), set(2).subarray(0, 20)]));
    await until('the first', () => node.handler.messages.length === 1);
    peer.socket.destroy();
    await until('down', () => !node.handler.isUp('b'));
    const next = await world.dial(node);
    await next.join('b');
    next.socket.write(set(3));
    await until('the third', () => node.handler.messages.length === 2);
    expect(node.handler.messages).toEqual([heartbeat('b', 'a', 1), heartbeat('b', 'a', 3)]);
  });

  it('is closed by a damaged message, and the node goes on', async () => {
    const node = await world.start('a');
    const peer = await world.dial(node);
    await peer.join('b');
    peer.socket.write(peer.bytes(frameType.messages, Buffer.from('nonsense')));
    await until('ended', () => peer.ended);
    expect(node.handler.sets).toEqual([]);
    const next = await world.dial(node);
    await next.join('b');
    await until('up', () => node.handler.isUp('b'));
  });

  it('is counted as broken when the same peer calls again', async () => {
    const node = await world.start('a');
    const first = await world.dial(node);
    await first.join('b');
    const second = await world.dial(node);
    await second.join('b');
    await until('replaced', () => first.ended);
    expect(node.handler.events).toEqual(['up b', 'down b', 'up b']);
  });
});
