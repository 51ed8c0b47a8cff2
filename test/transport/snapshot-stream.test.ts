import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeChunkPlace,
  encodeSnapshotEnd,
  encodeSnapshotStart,
} from '../../src/codec/snapshot-stream.js';
import { limits } from '../../src/limits.js';
import { frameType } from '../../src/transport/frame.js';
import { metaAt, until } from './peer-fixtures.js';
import { type RawPeer, TcpWorld } from './tcp-world.js';

const MiB = 1 << 20;

describe('a snapshot over TCP', () => {
  let world: TcpWorld;
  beforeEach(() => {
    world = new TcpWorld();
  });
  afterEach(() => world.close());

  it('requirement 25: of 100 MB passes a slow reader with few chunks under way', async () => {
    const [a, b] = await world.pair();
    let made = 0;
    let taken = 0;
    let mostUnderWay = 0;
    b.handler.install = async (_, chunks) => {
      for await (const chunk of chunks) {
        if (chunk[0] !== taken % 251) throw new Error('a chunk out of order');
        taken++;
        mostUnderWay = Math.max(mostUnderWay, made - taken);
        if (taken % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (; made < 100; made++) yield Buffer.alloc(MiB, made % 251);
    }
    await a.transport.sendSnapshot('b', 0, 1, metaAt(5), chunks());
    expect(taken).toBe(100);
    // The queue, one chunk on either side, and what two kernels buffer.
    expect(mostUnderWay).toBeLessThan(limits.snapshotQueueBytesMax / MiB + 20);
  });

  it('requirement 9: leaves messages free to pass', async () => {
    const [a, b] = await world.pair();
    let release = () => {};
    b.handler.install = async (_, chunks) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      for await (const chunk of chunks) expect(chunk.length).toBe(MiB);
    };
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 30; i++) yield Buffer.alloc(MiB);
    }
    const sent = a.transport.sendSnapshot('b', 0, 1, metaAt(5), chunks());
    await until('passed', () => {
      a.transport.sendApplication('b', 0, Buffer.from('x'));
      return b.handler.applications.length > 10;
    });
    release();
    await sent;
  });

  it('ends when nothing moves, on either side', async () => {
    const node = await world.start('a', { snapshotIdleMs: 100 });
    const silent = await world.listen((peer) => peer.hello('b'));
    node.transport.setPeers([{ id: 'b', peerAddress: silent }]);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10);
    }
    const sent = node.transport.sendSnapshot('b', 0, 1, metaAt(5), chunks());
    await expect(sent).rejects.toThrow('no progress');

    const peer = await world.dial(node);
    let failure = '';
    node.handler.install = async (_, received) => {
      await drain(received).catch((error) => {
        failure = `${error}`;
      });
    };
    await peer.join('b', 'snapshot');
    write(peer, frameType.snapshotStart, encodeSnapshotStart(start));
    await until('failed', () => failure !== '');
    expect(failure).toContain('no progress');
  });

  it('waits for a long installation', async () => {
    const [a, b] = await world.pair({ snapshotIdleMs: 40 });
    b.handler.install = async (_, chunks) => {
      await drain(chunks);
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10);
    }
    await a.transport.sendSnapshot('b', 0, 1, metaAt(5), chunks());
    expect(b.handler.snapshots.length).toBe(1);
  });

  const start = { group: 0, term: 1, meta: metaAt(5) };
  const chunk = (chunks: number, bytes: number): [number, Uint8Array[]] => [
    frameType.snapshotChunk,
    [encodeChunkPlace({ chunks, bytes }), Buffer.from('abc')],
  ];
  const end = (fields: object): [number, Uint8Array[]] => [
    frameType.snapshotEnd,
    [encodeSnapshotEnd({ chunks: 1, bytes: 3, checksum: 0x352441c2, ...fields })],
  ];

  it.each<[string, [number, Uint8Array[]][]]>([
    ['a chunk twice', [chunk(0, 0), chunk(0, 0)]],
    ['a chunk too few', [chunk(1, 3)]],
    ['a wrong offset', [chunk(0, 0), chunk(1, 4)]],
    ['a wrong count', [chunk(0, 0), end({ chunks: 2 })]],
    ['a wrong size', [chunk(0, 0), end({ bytes: 2 })]],
    ['a wrong checksum', [chunk(0, 0), end({ checksum: 1 })]],
    ['a second start', [[frameType.snapshotStart, encodeSnapshotStart(start)]]],
    ['a message', [[frameType.messages, [Buffer.from('x')]]]],
  ])('requirement 45: is not installed after %s', async (_, frames) => {
    const node = await world.start('a');
    let failure = '';
    node.handler.install = async (_snapshot, chunks) => {
      await drain(chunks).catch((error) => {
        failure = `${error}`;
        throw error;
      });
    };
    const peer = await world.dial(node);
    await peer.join('b', 'snapshot');
    write(peer, frameType.snapshotStart, encodeSnapshotStart(start));
    for (const [type, parts] of frames) write(peer, type, parts);
    await until('ended', () => peer.ended && failure !== '');
    expect(failure).toContain('snapshot not received');
    expect(node.handler.snapshots).toEqual([]);
  });

  it('requirement 45: is installed from the right frames', async () => {
    const node = await world.start('a');
    const peer = await world.dial(node);
    await peer.join('b', 'snapshot');
    write(peer, frameType.snapshotStart, encodeSnapshotStart(start));
    for (const [type, parts] of [chunk(0, 0), end({})]) write(peer, type, parts);
    await until('answered', () => peer.ended);
    expect(peer.frames.at(-1)).toEqual({ type: frameType.snapshotResult, text: '\u0001' });
    expect(node.handler.snapshots.length).toBe(1);
  });
});

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

function write(peer: RawPeer, type: number, parts: readonly Uint8Array[]): void {
  peer.socket.write(peer.bytes(type, Buffer.concat(parts)));
}
