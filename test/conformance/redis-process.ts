/** A redis-server with an empty keyspace on a free port, the oracle of the differential test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { freePorts, waitFor } from '../cluster/harness.js';
import { RespPipe } from './resp-pipe.js';

/** Null when redis-server cannot be run here. */
export function redisVersion(): string | null {
  const { status, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return status === 0 ? (/v=(\S+)/.exec(stdout)?.[1] ?? null) : null;
}

export class RedisProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  /** Resolves when it accepts connections. */
  static async start(): Promise<RedisProcess> {
    const [port] = await freePorts(1);
    const flags = ['--port', String(port), '--bind', '127.0.0.1'];
    // DUMP as tgcache writes it.
    flags.push('--rdbcompression', 'no');
    const child = spawn('redis-server', [...flags, '--save', '', '--appendonly', 'no'], {
      stdio: 'ignore',
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const redis = new RedisProcess(child, port!);
    await waitFor('redis-server', async () => {
      const pipe = await RespPipe.open(port!, 2);
      pipe.close();
      return true;
    });
    return redis;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}
