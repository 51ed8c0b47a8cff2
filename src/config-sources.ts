/**
 * Where settings come from: the YAML file, the environment, and NAME=VALUE flags. Each value keeps
 * the place it was read from, so that a refusal names it. Names are checked here; values later.
 */
import { chmodSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';
import { nodeOptions } from './config.js';
import { badConfig, type Given, isKnownName } from './settings.js';

/** Reads a YAML file of names and values. Throws TgError BAD_CONFIG with file and line. */
export function readConfigFile(file: string): Given[] {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lines.linePos(problem.pos[0]);
    throw badConfig(`${file}:${line}`, problem.message.split('\n')[0]!.replace(/ at line.*/, ''));
  }
  if (document.contents === null) return [];
  if (!isMap(document.contents)) throw badConfig(file, 'must hold names and values');
  return document.contents.items.map((pair) => readPair(pair, file, lines));
}

/**
 * CONFIG REWRITE: puts values into a file of names and values, keeps the rest of it as it is.
 * Replaces the file in one step. Throws what the file system says.
 */
export function rewriteConfigFile(file: string, values: ReadonlyMap<string, string>): void {
  const document = parseDocument(readFileSync(file, 'utf8'));
  for (const [name, value] of values) document.set(name, value);
  const aside = `${file}.new`;
  // It may hold passwords.
  const { mode } = statSync(file);
  writeFileSync(aside, document.toString(), { mode: 0o600 });
  chmodSync(aside, mode);
  renameSync(aside, file);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw badConfig(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function readPair({ key, value }: Pair, file: string, lines: LineCounter): Given {
  const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
  const from = `${file}:${lines.linePos(offset).line}`;
  const name = isScalar(key) ? String(key.value) : '';
  checkName(name, from);
  if (value !== null && !isScalar(value)) throw badConfig(from, `${name} must be a single value`);
  return { name, value: scalarText(value), from };
}

/** As it is written in the file: a password of 0123 is not the number 83. */
function scalarText(scalar: unknown): string {
  if (!isScalar(scalar) || scalar.value === null) return '';
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value));
}

/** TGCACHE_MAX_STALENESS_MS is max-staleness-ms. Unknown names are refused. */
export function readEnvironment(environment: NodeJS.ProcessEnv): Given[] {
  const given: Given[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('TGCACHE_') || value === undefined) continue;
    const name = variable.slice('TGCACHE_'.length).toLowerCase().replaceAll('_', '-');
    const from = `environment variable ${variable}`;
    checkName(name, from);
    given.push({ name, value, from });
  }
  return given;
}

function checkName(name: string, from: string): void {
  const known = isKnownName(name) || (nodeOptions as readonly string[]).includes(name);
  if (!known) throw badConfig(from, `unknown setting '${name}'`);
}

/** NAME=VALUE of --set. */
export function parseSet(text: string): Given {
  const at = text.indexOf('=');
  if (at < 1) throw badConfig(`--set ${text}`, 'must be NAME=VALUE');
  const name = text.slice(0, at);
  // Not the whole text: the value may be a password.
  const from = `--set ${name}`;
  if (!isKnownName(name)) throw badConfig(from, `unknown setting '${name}'`);
  return { name, value: text.slice(at + 1), from };
}
