import { SystemClock } from '../../src/node/system-clock.js';
import { TcpTransport } from '../../src/transport/tcp-transport.js';
import { transportSuite } from '../conformance/transport.js';
import { until } from './peer-fixtures.js';

transportSuite('TcpTransport', () => {
  const clock = new SystemClock();
  const transports = new Map<string, TcpTransport>();
  return {
    create: (nodeId) => {
      const transport = new TcpTransport({ nodeId, listenHost: '127.0.0.1', listenPort: 0, clock });
      transports.set(nodeId, transport);
      return transport;
    },
    addressOf: (nodeId) => `127.0.0.1:${transports.get(nodeId)!.port}`,
    until,
    settled: (promise) => promise,
    // Two nodes on one event loop: what was written is read within a few turns.
    quiet: async () => {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
    close: async () => {
      for (const transport of transports.values()) await transport.stop();
    },
  };
});
