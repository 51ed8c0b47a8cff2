/** What every Transport must do, run against the real one and its twin. */
import { afterEach, describe, expect, it } from 'vitest';
import type { PeerHello, Transport } from '../../src/ports.js';
import type { NodeId } from '../../src/raft/types.js';
import {
  append,
  chunksOf,
  entryOf,
  heartbeat,
  metaAt,
  RecordingHandler,
} from '../transport/peer-fixtures.js';

export type TransportUnderTest = Transport & {
  refreshHello(): void;
  introduce(address: string): Promise<PeerHello>;
};

export interface TransportWorld {
  create(nodeId: NodeId): TransportUnderTest;
  /** Known once the transport was started. */
  addressOf(nodeId: NodeId): string;
  /** Lets things happen until the condition holds; fails when it takes too long. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** Lets things happen until the promise settles. */
  settled<T>(promise: Promise<T>): Promise<T>;
  /** Everything under way has arrived. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

interface Node {
  readonly id: NodeId;
  readonly transport: TransportUnderTest;
  readonly handler: RecordingHandler;
}

export function transportSuite(name: string, newWorld: () => TransportWorld): void {
  describe(`${name} as a Transport`, () => {
    let world: TransportWorld;

    async function start(id: NodeId): Promise<Node> {
      const node = { id, transport: world.create(id), handler: new RecordingHandler(id) };
      await node.transport.start(node.handler);
      return node;
    }

    function introduceAll(nodes: readonly Node[]): void {
      const members = nodes.map(({ id }) => ({ id, peerAddress: world.addressOf(id) }));
      for (const { transport } of nodes) transport.setPeers(members);
    }

    async function pair(): Promise<[Node, Node]> {
      world = newWorld();
      const nodes: [Node, Node] = [await start('a'), await start('b')];
      introduceAll(nodes);
      await world.until('both up', () => allUp(nodes));
      return nodes;
    }

    afterEach(() => world.close());

    it('brings peers up once, with their hellos', async () => {
      const [a, b] = await pair();
      await world.quiet();
      expect(a.handler.events).toEqual(['up b']);
      expect(b.handler.events).toEqual(['up a']);
      expect(a.handler.hellos).toEqual([b.handler.hello_]);
    });

    it('delivers messages of one sender in order', async () => {
      const [a, b] = await pair();
      for (let round = 0; round < 100; round++) a.transport.send('b', [heartbeat('a', 'b', round)]);
      await world.until('all there', () => b.handler.messages.length === 100);
      expect(b.handler.messages).toEqual(
        Array.from({ length: 100 }, (_, i) => heartbeat('a', 'b', i)),
      );
    });

    it('delivers entries and application payloads whole', async () => {
      const [a, b] = await pair();
      const data = Buffer.alloc(100_000, 7);
      a.transport.send('b', [append('a', 'b', [entryOf(5, data), entryOf(6, Buffer.from('x'))])]);
      expect(a.transport.sendApplication('b', 9, data)).toBe(true);
      await world.until('both there', () => b.handler.applications.length === 1);
      const [message] = b.handler.messages;
      if (message?.kind !== 'append-request') throw new Error('not the message sent');
      expect(message.entries.map((entry) => entry.index)).toEqual([5, 6]);
      expect(data.equals(message.entries[0]!.data)).toBe(true);
      const { from, group, payload } = b.handler.applications[0]!;
      expect([from, group, data.equals(payload)]).toEqual(['a', 9, true]);
    });

    it('drops what is for a peer it has no connection with', async () => {
      const [a, b] = await pair();
      a.transport.send('nobody', [heartbeat('a', 'nobody', 1)]);
      expect(a.transport.sendApplication('nobody', 0, Buffer.from('x'))).toBe(false);
      a.transport.send('b', [heartbeat('a', 'b', 2)]);
      await world.until('the other', () => b.handler.messages.length === 1);
    });

    it('notices that a peer stopped', async () => {
      const [a, b] = await pair();
      await b.transport.stop();
      await world.until('down', () => !a.handler.isUp('b'));
      expect(a.transport.sendApplication('b', 0, Buffer.from('x'))).toBe(false);
      expect(b.handler.events).toEqual(['up a']);
    });

    it('tells peers a renewed hello', async () => {
      const [a, b] = await pair();
      a.handler.hello_ = {
        ...a.handler.hello_,
        zone: 'west',
        configuration: metaAt(1).configuration,
      };
      a.transport.refreshHello();
      await world.until('told', () => b.handler.hellos.at(-1)?.zone === 'west');
      expect(b.handler.hellos.at(-1)).toEqual(a.handler.hello_);
      expect(b.handler.events).toEqual(['up a', 'up a']);
    });

    it('does not connect with a peer that is not admitted', async () => {
      world = newWorld();
      const nodes = [await start('a'), await start('b'), await start('c')] as const;
      nodes[0].handler.admit_ = (peer) => (peer.nodeId === 'b' ? 'another cluster' : null);
      introduceAll(nodes);
      await world.until('others', () => allUp([nodes[0], nodes[2]]) && allUp([nodes[1], nodes[2]]));
      await world.quiet();
      expect(nodes[0].handler.events).toEqual(['up c']);
      expect(nodes[1].handler.events).toEqual(['up c']);
    });

    it('connects when only one side knows the other, both ways', async () => {
      world = newWorld();
      const nodes: [Node, Node] = [await start('a'), await start('b')];
      nodes[0].transport.setPeers([{ id: 'b', peerAddress: world.addressOf('b') }]);
      await world.until('both up', () => allUp(nodes));
      nodes[1].transport.send('a', [heartbeat('b', 'a', 1)]);
      await world.until('answered', () => nodes[0].handler.messages.length === 1);
    });

    it('introduces itself to an address', async () => {
      const [a, b] = await pair();
      expect(await a.transport.introduce(world.addressOf('b'))).toEqual(b.handler.hello_);
    });

    function snapshot(from: Node, term: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
      return world.settled(from.transport.sendSnapshot('b', 4, term, metaAt(12), chunks));
    }

    it('carries a snapshot with its chunks as they were', async () => {
      const [a, b] = await pair();
      const chunks = [
        Buffer.from('1'),
        Buffer.alloc(700_000, 1),
        Buffer.alloc(0),
        Buffer.from('z'),
      ];
      await snapshot(a, 7, chunksOf(chunks));
      const [received] = b.handler.snapshots;
      expect(received).toMatchObject({ from: 'a', group: 4, term: 7, meta: metaAt(12) });
      expect(received!.chunks.length).toBe(chunks.length);
      expect(chunks.every((chunk, i) => chunk.equals(received!.chunks[i]!))).toBe(true);
    });

    it('tells the sender why a snapshot was refused', async () => {
      const [a, b] = await pair();
      b.handler.install = () => Promise.reject(new Error('the disk is full'));
      await expect(snapshot(a, 7, chunksOf([Buffer.alloc(10)]))).rejects.toThrow(
        'the disk is full',
      );
    });

    it('fails on both sides when the source fails', async () => {
      const [a, b] = await pair();
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(10);
        throw new Error('unreadable');
      }
      let failure = '';
      const install = b.handler.install;
      b.handler.install = (received, chunks) =>
        install(received, chunks).catch((error: Error) => {
          failure = error.message;
          throw error;
        });
      await expect(snapshot(a, 7, broken())).rejects.toThrow('unreadable');
      await world.until('told', () => failure !== '');
      expect(b.handler.snapshots).toEqual([]);
    });

    it('fails a snapshot whose receiver goes away', async () => {
      const [a, b] = await pair();
      let receiving = false;
      b.handler.install = async (_, chunks) => {
        for await (const chunk of chunks) receiving = chunk.length > 0;
      };
      const sent = snapshot(a, 7, chunksWithoutEnd());
      const failed = expect(sent).rejects.toThrow('snapshot not sent');
      await world.until('begun', () => receiving);
      await b.transport.stop();
      await failed;
    });

    it('requirement 45: refuses a second snapshot; one of a newer term takes over', async () => {
      const [a, b] = await pair();
      const begun: number[] = [];
      const ended: string[] = [];
      b.handler.install = async (received, chunks) => {
        begun.push(received.term);
        try {
          for await (const chunk of chunks) received.chunks.push(chunk);
        } catch (error) {
          ended.push((error as Error).message);
          throw error;
        }
      };
      const first = snapshot(a, 7, chunksWithoutEnd());
      const firstFailed = expect(first).rejects.toThrow('a newer leader sends a snapshot');
      await world.until('begun', () => begun.length === 1);
      await expect(snapshot(a, 7, chunksOf([Buffer.alloc(9, 1)]))).rejects.toThrow(
        'another snapshot',
      );
      await snapshot(a, 8, chunksOf([Buffer.alloc(9, 2)]));
      await firstFailed;
      expect([begun, ended]).toEqual([[7, 8], ['a newer leader sends a snapshot']]);
      expect(b.handler.snapshots.map(({ term, chunks }) => [term, chunks.length])).toEqual([
        [8, 1],
      ]);
      expect(b.handler.snapshots[0]!.chunks[0]![0]).toBe(2);
    });
  });
}

/** Keeps sending until nobody listens. */
async function* chunksWithoutEnd(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield Buffer.alloc(1000, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function allUp(nodes: readonly Node[]): boolean {
  return nodes.every(({ id, handler }) =>
    nodes.every((other) => other.id === id || handler.isUp(other.id)),
  );
}
