/**
 * Makes a fresh clone runnable: installs the packages of package-lock.json when node_modules does
 * not hold them, and builds. `npm start` and `npm test` begin here; what is up to date costs about
 * a second. Plain JavaScript without dependencies, as nothing may be installed yet.
 *
 *   node cmd/prepare.mjs                  install and build everything
 *   node cmd/prepare.mjs start [FLAGS]    install, build the program, and become `cluster start`
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`tgcache needs Node.js 20.19 or newer; this is ${process.versions.node}`);
  process.exit(1);
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : null;
}

/** npm writes down last what it installed; packages for other platforms are left out there. */
function isInstalled() {
  const wanted = readPackages(path.join(root, 'package-lock.json'));
  const present = readPackages(path.join(root, 'node_modules', '.package-lock.json'));
  if (wanted === null || present === null) return false;
  return Object.entries(wanted).every(([name, { version, optional, peer }]) => {
    if (name === '') return true;
    const found = present[name];
    return found === undefined ? optional === true || peer === true : found.version === version;
  });
}

function run(program, ...words) {
  const result = spawnSync(program, words, { cwd: root, stdio: 'inherit' });
  if (result.error !== undefined) console.error(result.error.message);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

checkNode();
const [mode, ...flags] = process.argv.slice(2);
if (!isInstalled()) {
  console.log('Installing the packages of package-lock.json ...');
  // Not `npm ci`, which refuses a lock file that lacks optional packages of other platforms. The
  // versions come from the lock file all the same, and --no-save leaves it as it is.
  run('npm', 'install', '--no-save', '--include=dev', '--no-audit', '--no-fund');
}
const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
run(process.execPath, compiler, '-b', ...(mode === 'start' ? ['cmd'] : []));
if (mode === 'start') {
  // In this very process: the signals of a terminal or of npm must reach the supervisor.
  const program = path.join(root, 'dist', 'cmd', 'tgcache-node.js');
  process.argv = [process.execPath, program, 'cluster', 'start', ...flags];
  await import(program);
}
