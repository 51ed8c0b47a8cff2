/** A short round on real processes, with relays between them: it runs on any machine. */
import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { compiled } from '../../jepsen-lite/node-cluster.js';

const nemeses = ['kill-leader', 'pause-leader', 'partition-leader', 'one-way-leader-deaf', 'churn'];
const workloads = ['register', 'counter', 'bank', 'stale'];

function run(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [compiled('jepsen-lite/cli.js'), 'run', ...args]);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text })));
}

it('requirements 16, 20, 28, 34, 37, 68: a round finds nothing, its control is bad', async () => {
  const chosen = ['--nemesis', nemeses.join(','), '--workload', workloads.join(',')];
  const fixed = ['--minutes', '0.8', '--seed', '1', '--network', 'relays', '--patient'];
  const { code, text } = await run(...fixed, ...chosen);
  console.log(text);
  expect(text).toContain('stale follower reads are judged not linearizable');
  expect(code).toBe(0);
}, 180_000);
