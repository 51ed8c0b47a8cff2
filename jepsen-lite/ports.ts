/** Ports for nodes on this machine. */
import net from 'node:net';

/**
 * Below the ports that systems give to outgoing connections: one of these could sit on the port of
 * a node that is down, and the node could not start again.
 */
const portRange = { first: 11_000, count: 9000 };

function listens(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function randomPort(): number {
  return portRange.first + Math.floor(Math.random() * portRange.count);
}

/** Free when asked. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomPort();
    if (!found.has(port) && (await listens(port))) found.add(port);
  }
  return [...found];
}

/** From it on, client, HTTP and peer ports of so many nodes at their usual distances are free. */
export async function freeBasePort(nodes: number): Promise<number> {
  for (;;) {
    const base = randomPort();
    const ports = [0, 1000, 10_000].flatMap((offset) =>
      Array.from({ length: nodes }, (_, at) => base + offset + at),
    );
    const free = await Promise.all(ports.map(listens));
    if (free.every((isFree) => isFree)) return base;
  }
}
