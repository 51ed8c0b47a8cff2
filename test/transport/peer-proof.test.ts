import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeHello } from '../../src/codec/hello.js';
import { frameType } from '../../src/transport/frame.js';
import { PeerProof } from '../../src/transport/peer-proof.js';
import { heartbeat, helloOf, until } from './peer-fixtures.js';
import { TcpWorld } from './tcp-world.js';

const secret = 'correct horse battery';

describe('the proof of a secret', () => {
  /** What each side believes in the end. */
  function meet(dialerSecret: string, acceptorSecret: string): [boolean, boolean] {
    const dialer = new PeerProof(dialerSecret, true);
    const acceptor = new PeerProof(acceptorSecret, false);
    const own = dialer.conclude(Buffer.concat(acceptor.answer(dialer.challenge)!));
    if (own !== null) acceptor.verify(own);
    return [dialer.proven, acceptor.proven];
  }

  it('convinces both sides that know it, and no other', () => {
    expect(meet(secret, secret)).toEqual([true, true]);
    expect(meet(secret, `${secret}!`)).toEqual([false, false]);
  });

  it('serves once: not on another connection, not as an answer to its own asker', () => {
    const first = new PeerProof(secret, false);
    const dialer = new PeerProof(secret, true);
    const proof = dialer.conclude(Buffer.concat(first.answer(dialer.challenge)!))!;
    const second = new PeerProof(secret, false);
    second.answer(dialer.challenge);
    expect(second.verify(proof)).toBe(false);
    // Who does not know the secret sends back what the acceptor itself has said.
    const third = new PeerProof(secret, false);
    const [nonce, own] = third.answer(dialer.challenge)!;
    expect(third.verify(own!)).toBe(false);
    const mirror = new PeerProof(secret, true);
    expect(mirror.conclude(Buffer.concat([nonce!, own!]))).toBeNull();
  });

  it.each([0, 31, 33])('takes no challenge of %i bytes', (length) => {
    expect(new PeerProof(secret, false).answer(Buffer.alloc(length))).toBeNull();
    expect(new PeerProof(secret, true).conclude(Buffer.alloc(length))).toBeNull();
    expect(new PeerProof(secret, false).verify(Buffer.alloc(length))).toBe(false);
  });
});

describe('peers with a secret', () => {
  let world: TcpWorld;
  beforeEach(() => {
    world = new TcpWorld();
  });
  afterEach(() => world.close());

  it('meet, talk, and introduce themselves', async () => {
    const [a, b] = await world.pair({ secret });
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    await until('heard', () => b.handler.messages.length === 1);
    expect((await a.transport.introduce(b.address)).nodeId).toBe('b');
  });

  it.each([
    ['another', `${secret}!`, 'the cluster-secret is another one here'],
    ['none', '', 'this node wants to hear the cluster-secret proven'],
  ])('refuse a node that knows %s', async (_, other, text) => {
    const node = await world.start('a', { secret });
    const stranger = await world.start('b', { secret: other });
    await expect(stranger.transport.introduce(node.address)).rejects.toThrow(text);
    stranger.transport.setPeers([{ id: 'a', peerAddress: node.address }]);
    await expect(node.transport.introduce(stranger.address)).rejects.toThrow(/cluster-secret/);
    expect([node.handler.events, stranger.handler.events]).toEqual([[], []]);
  });

  it.each<[string, () => readonly [number, Uint8Array]]>([
    ['a hello', () => [frameType.hello, hello()]],
    ['a wrong proof', () => [frameType.proof, Buffer.alloc(32)]],
    ['a short challenge', () => [frameType.challenge, Buffer.alloc(5)]],
    ['messages', () => [frameType.messages, Buffer.from('x')]],
  ])('take nothing of a stranger: %s', async (_, frame) => {
    const node = await world.start('a', { secret });
    const peer = await world.dial(node);
    peer.socket.write(peer.bytes(...frame()));
    await until('ended', () => peer.ended);
    expect(peer.frames.map(({ type }) => type)).toEqual([frameType.refused]);
    expect(peer.frames[0]!.text).not.toContain(secret);
    expect(node.handler.events).toEqual([]);
  });

  it('do not say who they are to a listener that proves nothing', async () => {
    const types: number[] = [];
    const address = await world.listen((peer) => {
      peer.hello('b');
      peer.socket.on('close', () => types.push(...peer.frames.map(({ type }) => type)));
    });
    const node = await world.start('a', { secret });
    node.transport.setPeers([{ id: 'b', peerAddress: address }]);
    await until('refused', () => types.length > 0);
    expect(types.slice(0, 2)).toEqual([frameType.challenge, frameType.refused]);
    expect(node.handler.events).toEqual([]);
  });
});

function hello(): Uint8Array {
  return encodeHello({ hello: helloOf('b'), purpose: 'peer', sequence: 0 });
}
