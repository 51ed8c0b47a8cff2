/**
 * `npm start` as a user runs it: three nodes, a SET and a GET through a follower's port, Ctrl-C,
 * exit code 0, nothing left running. Uses ports of its own, so that a running cluster is no trouble.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const basePort = 7471;
const readyMsMax = 180_000;
const stopMsMax = 60_000;
const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-smoke-'));
const program = 'dist/cmd/tgcache-node.js';

function fail(text) {
  spawnSync(process.execPath, [program, 'cluster', 'stop', '--wipe', '--dir', dir]);
  rmSync(dir, { recursive: true, force: true });
  console.error(`smoke test: ${text}`);
  process.exit(1);
}

function cli(...words) {
  const port = String(basePort + 1);
  const result = spawnSync('redis-cli', ['-c', '-p', port, ...words], { encoding: 'utf8' });
  return result.stdout.trim();
}

function within(ms, what) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(what)), ms).unref());
}

const flags = ['start', '--', '--base-port', String(basePort), '--dir', dir];
const npm = spawn('npm', flags, { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((resolve) => npm.once('exit', (code) => resolve(code)));
const ready = new Promise((resolve) => {
  let text = '';
  npm.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    text += chunk;
    if (text.includes('Ctrl-C stops the cluster')) resolve(true);
  });
});

try {
  const first = Promise.race([ready, ended, within(readyMsMax, 'not ready in time')]);
  if ((await first) !== true) fail('npm start ended before the cluster was ready');
  if (spawnSync('redis-cli', ['--version']).status === 0) {
    if (!cli('SET', 'smoke', 'works').startsWith('OK')) fail('SET was not answered with OK');
    if (cli('GET', 'smoke') !== 'works') fail('GET did not answer what was set');
  } else console.log('smoke test: redis-cli is missing, no SET and GET');
  npm.kill('SIGINT');
  const code = await Promise.race([ended, within(stopMsMax, 'did not stop in time')]);
  if (code !== 0) fail(`npm start ended with exit code ${code} after SIGINT`);
} catch (error) {
  fail(error.message);
}
const status = spawnSync(process.execPath, [program, 'cluster', 'status', '--dir', dir]);
if (status.status !== 1) fail('a node is still running');
rmSync(dir, { recursive: true, force: true });
console.log('smoke test: passed');
