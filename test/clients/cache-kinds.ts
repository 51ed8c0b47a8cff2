/** Caches and session stores of applications, on top of node-redis and ioredis. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { Keyv } from 'keyv';
import { createClient } from 'redis';
import { createStorage, type Storage } from 'unstorage';
import redisDriver from 'unstorage/drivers/redis';
import { type ClientKind, type StockClient, textOf } from './fleet.js';
import { ioredisLosses } from './ioredis-kinds.js';
import { nodeRedisLosses } from './node-redis-kinds.js';

const mayFail = new RegExp(nodeRedisLosses);

export function keyvAt(port: number): Keyv<string> {
  const store = new KeyvRedis<string>(`redis://127.0.0.1:${port}`, { throwOnErrors: true });
  const keyv = new Keyv<string>({ store, throwOnErrors: true });
  keyv.on('error', () => {});
  return keyv;
}

export const keyv: ClientKind = {
  name: 'keyv',
  connect: (_cluster, port) => {
    const cache = keyvAt(port);
    return {
      set: (key, value) => cache.set(key, value, 1_000_000),
      get: (key) => cache.get(key),
      close: () => cache.disconnect(),
    };
  },
  mayFail,
};

export const cacheManager: ClientKind = {
  name: 'cache-manager',
  connect: (_cluster, port) => {
    const cache = createCache({ stores: [keyvAt(port)] });
    // To a reader an error is a miss; only the event tells them apart.
    const failures = new Map<string, unknown>();
    cache.on('get', ({ key, error }) => failures.set(key, error));
    return {
      set: (key, value) => cache.set(key, value, 1_000_000),
      get: async (key) => {
        const value = await cache.get(key);
        if (failures.get(key) !== undefined) throw failures.get(key);
        return value;
      },
      close: () => cache.disconnect(),
    };
  },
  mayFail,
};

export function storageAt(port: number, base: string): Storage {
  const driver = redisDriver({ base, host: '127.0.0.1', port });
  driver.getInstance?.().on('error', () => {});
  return createStorage({ driver });
}

export const unstorage: ClientKind = {
  name: 'unstorage',
  connect: (_cluster, port) => {
    const storage = storageAt(port, 'un');
    return {
      set: (key, value) => storage.setItem(key, value, { ttl: 1000 }),
      get: (key) => storage.getItem(key),
      close: () => storage.dispose(),
    };
  },
  mayFail: ioredisLosses,
};

/** An application whose sessions hold one value each; the key of a load names a browser. */
export const connectRedis: ClientKind = {
  name: 'connect-redis',
  connect: async (_cluster, port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    client.on('error', () => {});
    await client.connect();
    const server = serve(new RedisStore({ client }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browsers = browsersOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return {
      ...browsers,
      close: () => {
        server.close();
        server.closeAllConnections();
        client.destroy();
      },
    };
  },
  mayFail,
};

/** PUT: the body becomes the session's value. GET: tells it. */
function serve(store: RedisStore): http.Server {
  const options = { secret: 'a test', resave: false, saveUninitialized: false, store };
  const withSession = session(options);
  return http.createServer((request, response) => {
    withSession(request, response, (error) => {
      // A session whose life could not be lengthened: that is told after the answer.
      if (response.headersSent) return;
      if (error) response.writeHead(500).end(textOf(error));
      else if (request.method === 'GET') response.end(sessionOf(request).value ?? '');
      else void keep(request, response);
    });
  });
}

function sessionOf(request: http.IncomingMessage): session.Session {
  return (request as http.IncomingMessage & { session: session.Session }).session;
}

async function keep(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += chunk;
  sessionOf(request).value = body;
  sessionOf(request).save((error) =>
    response.writeHead(error ? 500 : 200).end(error && textOf(error)),
  );
}

function browsersOf(url: string): Pick<StockClient, 'set' | 'get'> {
  const cookies = new Map<string, string>();
  const told = async (response: Response): Promise<string> => {
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text;
  };
  return {
    set: async (key, value) => {
      const response = await fetch(url, { method: 'PUT', body: value });
      await told(response);
      cookies.set(key, response.headers.getSetCookie()[0]!.split(';')[0]!);
    },
    get: async (key) => told(await fetch(url, { headers: { cookie: cookies.get(key)! } })),
  };
}
