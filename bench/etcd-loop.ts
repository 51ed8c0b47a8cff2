/**
 * The closed loop for etcd: unary gRPC calls (KV/Put, KV/Range) over HTTP/2, one connection and one
 * call at a time each, as the other loads have it. The two messages are small enough to be laid
 * out here: field 1 the key, field 2 the value.
 */
import http2 from 'node:http2';
import type { ClosedLoopOptions } from './closed-loop.js';
import { type LoadResult, Measurement } from './load-result.js';
import { keyName, type LoadShape } from './loads.js';
import type { Peer } from './peers/process.js';

export type EtcdCall = 'Put' | 'Range';

function field(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const length =
    bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

function message(call: EtcdCall, { keys, valueBytes }: LoadShape): Buffer {
  const key = field(1, keyName(Math.floor(Math.random() * keys)));
  const body = call === 'Put' ? Buffer.concat([key, field(2, 'x'.repeat(valueBytes))]) : key;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** One call; rejects unless grpc-status is 0. */
function invoke(session: http2.ClientHttp2Session, call: EtcdCall, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/etcdserverpb.KV/${call}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status = '';
    stream.on('trailers', (trailers) => {
      status = String(trailers['grpc-status']);
    });
    stream.on('error', reject);
    stream.on('data', () => {});
    stream.on('end', () => {
      if (status === '0') resolve();
      else reject(new Error(`etcd ${call}: grpc-status ${status}`));
    });
    stream.end(body);
  });
}

export async function etcdLoop(
  peer: Peer,
  call: EtcdCall,
  shape: LoadShape,
  options: ClosedLoopOptions,
): Promise<LoadResult> {
  const measurement = new Measurement(peer.pids());
  const url = `http://127.0.0.1:${peer.ports[0]}`;
  const sessions = Array.from({ length: options.connections }, () => http2.connect(url));
  let running = true;
  const loops = sessions.map(async (session) => {
    while (running) {
      const sentAt = performance.now();
      await invoke(session, call, message(call, shape));
      measurement.record(performance.now() - sentAt, 1);
    }
  });
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  try {
    await Promise.race([pause(options.warmUpMs), Promise.all(loops)]);
    measurement.start();
    await Promise.race([pause(options.measureMs), Promise.all(loops)]);
    return measurement.result();
  } finally {
    running = false;
    await Promise.allSettled(loops);
    for (const session of sessions) session.close();
  }
}
