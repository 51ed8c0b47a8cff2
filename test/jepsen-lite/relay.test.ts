import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Links } from '../../jepsen-lite/links.js';
import { waitFor } from '../../jepsen-lite/node-cluster.js';
import { freePorts } from '../../jepsen-lite/ports.js';
import { Relay } from '../../jepsen-lite/relay.js';
import { encodeHello } from '../../src/codec/hello.js';
import { Prng } from '../../src/statemachine/prng.js';
import { cutFrames, frameType } from '../../src/transport/frame.js';
import { helloOf } from '../transport/peer-fixtures.js';

/** What arrived at one end. */
class End {
  text = '';
  closed = false;

  constructor(readonly socket: net.Socket) {
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
    });
  }

  async shows(text: string): Promise<void> {
    await waitFor(`'${text}'`, () => this.text.endsWith(text) || null);
  }
}

function helloFrom(id: string): Uint8Array {
  const said = encodeHello({ hello: helloOf(id), purpose: 'peer', sequence: 0 });
  return Buffer.concat([...cutFrames(frameType.hello, [said], 1 << 20)].flat());
}

let links: Links;
let relay: Relay;
let server: net.Server;
let caller: End;
let target: End;

/** n1 calls n2. */
beforeEach(async () => {
  const random = new Prng();
  random.seed(1);
  links = new Links(random);
  server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [port] = (await freePorts(1)) as [number];
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  relay = await Relay.start(links, 'n2', (server.address() as net.AddressInfo).port, port);
  caller = new End(net.connect(port, '127.0.0.1'));
  caller.socket.write(helloFrom('n1'));
  target = new End((await accepted)[0]);
});
afterEach(async () => {
  caller.socket.destroy();
  target.socket.destroy();
  await relay.close();
  server.close();
});

describe('a relay', () => {
  it('passes on both ways what came with the hello and after it', async () => {
    caller.socket.write('there');
    await target.shows('there');
    target.socket.write('back');
    await caller.shows('back');
  });

  it('cuts one direction only', async () => {
    links.cut('n1', 'n2');
    caller.socket.write('held');
    target.socket.write('passes');
    await caller.shows('passes');
    expect(target.text).not.toContain('held');
  });

  it('healing delivers what was held, or breaks the connection', async () => {
    links.cut('n1', 'n2');
    caller.socket.write('held');
    target.socket.write('passes');
    await caller.shows('passes');
    links.heal();
    await waitFor('the end', () => target.text.endsWith('held') || target.closed || null);
  });

  it('hides the end of a connection behind a cut', async () => {
    links.cut('n1', 'n2');
    caller.socket.end('last words');
    target.socket.write('passes');
    await caller.shows('passes');
    expect(target.closed).toBe(false);
    links.set('n1', 'n2', { cut: false });
    await waitFor('the end', () => target.closed || null);
    expect(target.text).toMatch(/last words$/);
  });

  it('a lossy link breaks connections', async () => {
    links.set('n2', 'n1', { resetPermille: 1000 });
    target.socket.write('never');
    await waitFor('the break', () => (caller.closed && target.closed) || null);
  });

  it('keeps the order on a slow link that stalls', async () => {
    links.set('n1', 'n2', { delayMs: 5, stallPermille: 200 });
    let sent = '';
    for (let count = 0; count < 20; count++) {
      sent += `${count},`;
      caller.socket.write(`${count},`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await target.shows(sent);
  });
});
