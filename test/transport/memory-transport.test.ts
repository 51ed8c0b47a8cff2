import { describe, expect, it } from 'vitest';
import { MemoryNetwork, type Packet } from '../../src/transport/memory-network.js';
import { MemoryTransport } from '../../src/transport/memory-transport.js';
import { transportSuite } from '../conformance/transport.js';
import { heartbeat, RecordingHandler } from './peer-fixtures.js';

for (const codec of [false, true]) {
  transportSuite(`MemoryTransport ${codec ? 'with' : 'without'} the codec`, () => {
    const network = new MemoryNetwork({ codec });
    const transports: MemoryTransport[] = [];
    const turn = async () => {
      network.deliver();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return {
      create: (nodeId) => {
        const transport = new MemoryTransport(nodeId, network);
        transports.push(transport);
        return transport;
      },
      addressOf: (nodeId) => nodeId,
      until: async (what, condition) => {
        for (let turns = 0; !condition(); turns++) {
          if (turns > 10_000) throw new Error(`not reached: ${what}`);
          await turn();
        }
      },
      settled: async (promise) => {
        let pending = true;
        const done = () => {
          pending = false;
        };
        promise.then(done, done);
        while (pending) await turn();
        return promise;
      },
      quiet: async () => network.settle(),
      close: async () => {
        for (const transport of transports) await transport.stop();
      },
    };
  });
}

describe('MemoryNetwork', () => {
  async function trio(options: ConstructorParameters<typeof MemoryNetwork>[0] = {}) {
    const network = new MemoryNetwork(options);
    const members = ['a', 'b', 'c'].map((id) => ({ id, peerAddress: id }));
    const nodes = members.map(({ id }) => ({
      transport: new MemoryTransport(id, network),
      handler: new RecordingHandler(id),
    }));
    for (const { transport, handler } of nodes) {
      await transport.start(handler);
      transport.setPeers(members);
    }
    network.settle();
    return { network, a: nodes[0]!, b: nodes[1]!, c: nodes[2]! };
  }
  const rounds = (handler: RecordingHandler) =>
    handler.messages.map((message) => (message.kind === 'heartbeat-request' ? message.round : -1));

  it('delivers only when asked', async () => {
    const { network, a, b } = await trio();
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    expect([network.queued, rounds(b.handler)]).toEqual([1, []]);
    expect(network.deliver()).toBe(1);
    expect([network.queued, rounds(b.handler)]).toEqual([0, [1]]);
  });

  it('cuts one direction only, silently', async () => {
    const { network, a, b } = await trio();
    network.cut('a', 'b');
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    b.transport.send('a', [heartbeat('b', 'a', 2)]);
    network.settle();
    expect([rounds(a.handler), rounds(b.handler)]).toEqual([[2], []]);
    expect(a.handler.isUp('b')).toBe(true);
    network.healAll();
    a.transport.send('b', [heartbeat('a', 'b', 3)]);
    network.settle();
    expect(rounds(b.handler)).toEqual([3]);
  });

  it('loses what was on its way when a connection breaks, and connects again', async () => {
    const { network, a, b } = await trio();
    a.transport.send('b', [heartbeat('a', 'b', 1)]);
    network.disconnect('a', 'b');
    expect([a.handler.isUp('b'), b.handler.isUp('a')]).toEqual([false, false]);
    network.settle();
    expect([a.handler.isUp('b'), b.handler.isUp('a')]).toEqual([true, true]);
    expect(rounds(b.handler)).toEqual([]);
  });

  it('does not connect again while a direction is cut', async () => {
    const { network, a } = await trio();
    network.cut('b', 'a');
    network.disconnect('a', 'b');
    network.settle();
    expect(a.handler.isUp('b')).toBe(false);
    network.heal('b', 'a');
    network.settle();
    expect(a.handler.isUp('b')).toBe(true);
  });

  it('goes on when a node ends by what it does with a new peer', async () => {
    const { network, a, b, c } = await trio();
    network.disconnect('a', 'b');
    const up = a.handler.onPeerUp.bind(a.handler);
    a.handler.onPeerUp = (peer) => {
      up(peer);
      void a.transport.stop();
    };
    network.settle();
    expect([b.handler.isUp('a'), b.handler.isUp('c'), c.handler.isUp('b')]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('drops, duplicates, delays and reorders as the route says', async () => {
    let now = 0;
    const fates = new Map<number, readonly number[]>([
      [1, []],
      [2, [0, 20]],
      [3, [10]],
    ]);
    const route = (packet: Packet) => {
      const first = packet.kind === 'messages' ? packet.messages[0] : undefined;
      return first?.kind === 'heartbeat-request' ? (fates.get(first.round) ?? [0]) : [0];
    };
    const { network, a, b } = await trio({ now: () => now, route });
    for (const round of [1, 3, 2, 4]) a.transport.send('b', [heartbeat('a', 'b', round)]);
    network.settle();
    expect(rounds(b.handler)).toEqual([2, 4]);
    now = 10;
    network.settle();
    expect(rounds(b.handler)).toEqual([2, 4, 3]);
    now = 20;
    network.settle();
    expect(rounds(b.handler)).toEqual([2, 4, 3, 2]);
  });
});
