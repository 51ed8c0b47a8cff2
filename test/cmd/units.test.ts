/** The parts of the command line that need no cluster. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ClusterFile,
  clusterFileIn,
  clusterIn,
  nodeArguments,
  nodePlaces,
  readClusterFile,
  writeClusterFile,
} from '../../cmd/cluster-file.js';
import { pidOf, processState, signalNode, spawnNode, waitForEnd } from '../../cmd/node-process.js';
import { ask, parseInfo } from '../../cmd/resp-client.js';
import { clusterStatus, isReady, leaderOf, type NodeStatus } from '../../cmd/status.js';
import { statusTable } from '../../cmd/status-table.js';
import { waitFor } from '../cluster/harness.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-cmd-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const file: ClusterFile = {
  version: 1,
  nodes: 3,
  basePort: 7001,
  set: ['maxkeys=5'],
  config: null,
  state: 'running',
};

describe('the cluster file', () => {
  it('is read as it was written, and only by its owner', () => {
    writeClusterFile(dir, file);
    expect(readClusterFile(dir)).toEqual(file);
    expect(statSync(clusterFileIn(dir)).mode & 0o077).toBe(0);
  });

  it('is refused when damaged, and missed where there is none', () => {
    writeFileSync(clusterFileIn(dir), '{"version":1,"nodes":0}');
    expect(() => readClusterFile(dir)).toThrow(/damaged/);
    rmSync(clusterFileIn(dir));
    expect(readClusterFile(dir)).toBeNull();
    expect(() => clusterIn(dir)).toThrow(/holds no cluster/);
  });

  it('places node i at base port + i - 1, in DIR/n<i>', () => {
    const places = nodePlaces(dir, file);
    expect(places[1]).toMatchObject({ id: 'n2', dataDir: path.join(dir, 'n2') });
    expect([places[2]!.client.port, places[2]!.peer.port, places[2]!.http.port]).toEqual([
      7003, 17003, 8003,
    ]);
    const words = nodeArguments(places[1]!, places, file).join(' ');
    expect(words).toContain(
      '--initial-cluster n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003',
    );
    expect(words).toContain('--set maxkeys=5');
  });
});

describe('node processes', () => {
  it('are found, paused, resumed and killed by their pid file', async () => {
    const script = path.join(dir, 'idle.mjs');
    writeFileSync(script, 'setInterval(() => {}, 1000); console.log("here");');
    const [place] = nodePlaces(dir, file);
    spawnNode(place!, [place!], file, script);
    try {
      expect(processState(place!)).toBe('running');
      signalNode(place!, 'SIGSTOP');
      await waitFor('a pause', () => (processState(place!) === 'paused' ? true : null));
      signalNode(place!, 'SIGCONT');
      await waitFor('the end of it', () => (processState(place!) === 'running' ? true : null));
    } finally {
      expect(signalNode(place!, 'SIGKILL')).toBe(true);
    }
    expect(await waitForEnd(place!, 5000)).toBe(true);
    expect(processState(place!)).toBe('down');
    expect(signalNode(place!, 'SIGKILL')).toBe(false);
  });

  it('another process that got the old id is not taken for the node', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      const [place] = nodePlaces(dir, file);
      writeFileSync(place!.pidFile, JSON.stringify({ pid: other.pid, startedAt: '1' }));
      expect(pidOf(place!)).toBeNull();
      expect(signalNode(place!, 'SIGKILL')).toBe(false);
      expect(other.exitCode).toBeNull();
    } finally {
      other.kill('SIGKILL');
    }
  });
});

const follower: NodeStatus = {
  node: 'n1',
  address: '127.0.0.1:7001',
  role: 'follower',
  leader: 'n2',
  term: 3,
  commit: 120,
  applied: 118,
  lag: 2,
  keys: 10,
  memory: 2048,
  clients: 1,
};
const leader: NodeStatus = { ...follower, node: 'n2', role: 'leader', applied: 120, lag: 0 };
const down: NodeStatus = {
  ...follower,
  ...{ node: 'n3', role: 'down', leader: null, term: null, commit: null, applied: null },
  ...{ lag: null, keys: null, memory: null, clients: null },
};

describe('status', () => {
  it('is a table in plain text, or with colours', () => {
    expect(statusTable([follower, leader, down], false)).toMatchInlineSnapshot(`
      "node  role      term  commit  applied  lag  keys  memory  clients  address
      n1    follower     3     120      118    2    10    2.0K        1  127.0.0.1:7001
      n2    leader       3     120      120    0    10    2.0K        1  127.0.0.1:7001
      n3    down         -       -        -    -     -       -        -  127.0.0.1:7001"
    `);
    expect(statusTable([down], true)).toContain('\u001b[31mn3');
  });

  it('takes the leader of the highest term, and is ready only when all follow it', () => {
    const old: NodeStatus = { ...leader, node: 'n1', term: 2, leader: 'n1' };
    expect(leaderOf([old, leader])?.node).toBe('n2');
    expect(isReady([old, leader])).toBe(false);
    expect(isReady([follower, leader])).toBe(true);
    expect(isReady([follower, leader, down])).toBe(false);
    expect(isReady([{ ...follower, lag: 5000 }, leader])).toBe(false);
    expect(isReady([down])).toBe(false);
  });

  it('a node that accepts and says nothing costs a bounded time', async () => {
    const server = net.createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const endpoint = { id: 'n1', address: { host: '127.0.0.1', port }, process: null };
    const [status] = await clusterStatus([endpoint], '');
    expect(status!.role).toBe('no answer');
    server.close();
  });
});

describe('the client', () => {
  it('sends the password first and gives replies and errors in order', async () => {
    const heard: string[] = [];
    const server = net.createServer((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk.toString());
        socket.write('+OK\r\n$4\r\na:1\n\r\n-ERR no\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const replies = await ask({
      address: { host: '127.0.0.1', port },
      password: 'pass',
      commands: [['INFO'], ['NO', 'é']],
      timeoutMs: 2000,
    });
    expect(replies).toEqual(['a:1\n', expect.objectContaining({ message: 'ERR no' })]);
    expect(heard.join('')).toBe(
      '*2\r\n$4\r\nAUTH\r\n$4\r\npass\r\n*1\r\n$4\r\nINFO\r\n*2\r\n$2\r\nNO\r\n$2\r\né\r\n',
    );
    server.close();
  });

  it('reads the fields of INFO', () => {
    const fields = parseInfo('# Raft\r\nnode_id:n1\r\nleader_id:\r\ndb0:keys=1,expires=0\r\n');
    expect([...fields]).toEqual([
      ['node_id', 'n1'],
      ['leader_id', ''],
      ['db0', 'keys=1,expires=0'],
    ]);
  });
});
