/**
 * The configuration of one node: flags, then environment, then file, then defaults. Parsed into a
 * new object; unknown names and bad values are refused with one line that says where they stand.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { TgError } from './errors.js';
import { type Setting, settingsTable } from './settings-table.js';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface NodeConfig {
  readonly id: string;
  readonly dataDir: string;
  readonly clientListen: HostPort;
  readonly peerListen: HostPort;
  /** Null: off. */
  readonly httpListen: HostPort | null;
  readonly clientAdvertise: HostPort;
  readonly peerAdvertise: HostPort;
  readonly httpAdvertise: HostPort | null;
  readonly initialCluster: readonly { readonly id: string; readonly peerAddress: string }[];
  readonly join: readonly string[];
  readonly zone: string | null;
  readonly location: string | null;
  readonly settings: Settings;
}

/** A value and the place it came from, for error messages. */
export interface Given {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}

/** Flags of `tgcache-node start` that are no settings; the file and environment know them too. */
export const nodeOptions = [
  'id',
  'data-dir',
  'client-listen',
  'peer-listen',
  'http-listen',
  'client-advertise',
  'peer-advertise',
  'http-advertise',
  'initial-cluster',
  'join',
  'zone',
  'location',
] as const;

const byName = new Map(settingsTable.map((setting) => [setting.name, setting]));

export class Settings {
  private readonly values = new Map<string, string>();

  /** `given`: strongest first. */
  constructor(given: readonly Given[] = []) {
    for (const { name, default: byDefault } of settingsTable) this.values.set(name, byDefault);
    for (const { name, value, from } of [...given].reverse()) {
      const setting = byName.get(name);
      if (setting === undefined) throw badConfig(from, `unknown setting '${name}'`);
      const parsed = parse(setting, value);
      if (!parsed.ok) throw badConfig(from, `${name} ${parsed.error}, not '${value}'`);
      this.values.set(name, parsed.value);
    }
    if (this.number('election-timeout-ms') <= 2 * this.number('heartbeat-interval-ms')) {
      throw badConfig(
        'settings',
        'election-timeout-ms must be more than twice heartbeat-interval-ms',
      );
    }
  }

  get(name: string): string {
    const value = this.values.get(name);
    if (value === undefined) throw new TgError('INVARIANT', `no setting is named ${name}`);
    return value;
  }

  number(name: string): number {
    return Number(this.get(name));
  }

  list(): readonly string[] {
    return [...this.values.keys()];
  }

  redisValue(name: string): string | null {
    return this.values.get(name) ?? null;
  }

  isClusterWide(name: string): boolean {
    return byName.get(name)?.clusterWide ?? false;
  }

  /** CONFIG SET: an error text, or null when the value is in force. */
  set(name: string, value: string): string | null {
    const setting = byName.get(name);
    if (setting === undefined) return 'no such setting';
    if (!setting.live) return "can't set immutable config";
    const parsed = parse(setting, value);
    if (!parsed.ok) return `argument ${parsed.error}`;
    this.values.set(name, parsed.value);
    return null;
  }
}

function parse(
  setting: Setting,
  value: string,
): { ok: true; value: string } | { ok: false; error: string } {
  const result = setting.schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, error: result.error.issues[0]?.message ?? 'is not valid' };
}

export function badConfig(from: string, what: string): TgError {
  return new TgError('BAD_CONFIG', `${from}: ${what}`);
}

/** Reads a YAML file of names and values, keeping the line of each. */
export function readConfigFile(file: string): Given[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw badConfig(file, `cannot be read: ${(error as Error).message}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const line = lines.linePos(problem.pos[0]).line;
    throw badConfig(`${file}:${line}`, problem.message.split('\n')[0]!);
  }
  if (document.contents === null) return [];
  if (!isMap(document.contents)) throw badConfig(file, 'must be names and values');
  return document.contents.items.map((pair) => {
    const key = pair.key;
    const name = isScalar(key) ? String(key.value) : '';
    const at = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
    const from = `${file}:${at}`;
    if (!isScalar(pair.value)) throw badConfig(from, `${name} must be a single value`);
    const value = pair.value.value === null ? '' : String(pair.value.value);
    checkName(name, from);
    return { name, value, from };
  });
}

/** TGCACHE_MAX_STALENESS_MS is max-staleness-ms. */
export function readEnvironment(environment: NodeJS.ProcessEnv): Given[] {
  const given: Given[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('TGCACHE_') || value === undefined) continue;
    const name = variable.slice('TGCACHE_'.length).toLowerCase().replaceAll('_', '-');
    checkName(name, `environment variable ${variable}`);
    given.push({ name, value, from: `environment variable ${variable}` });
  }
  return given;
}

function checkName(name: string, from: string): void {
  const known = byName.has(name) || (nodeOptions as readonly string[]).includes(name);
  if (!known) throw badConfig(from, `unknown setting '${name}'`);
}

/** NAME=VALUE of --set. */
export function parseSet(text: string): Given {
  const at = text.indexOf('=');
  if (at < 1) throw badConfig(`--set ${text}`, 'must be NAME=VALUE');
  const name = text.slice(0, at);
  if (!byName.has(name)) throw badConfig(`--set ${text}`, `unknown setting '${name}'`);
  return { name, value: text.slice(at + 1), from: `--set ${text}` };
}

export function parseHostPort(given: Given): HostPort {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(given.value) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65535) {
    throw badConfig(given.from, `${given.name} must be HOST:PORT, not '${given.value}'`);
  }
  return { host, port: Number(port) };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The whole configuration of a node; `given` is strongest first. */
export function nodeConfig(given: readonly Given[]): NodeConfig {
  const option = (name: (typeof nodeOptions)[number]) => given.find((g) => g.name === name);
  const id = option('id');
  const dataDir = option('data-dir');
  if (id === undefined) throw badConfig('--id', 'is missing');
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(id.value)) {
    throw badConfig(id.from, 'id must be 1-64 of A-Z a-z 0-9 . _ -');
  }
  if (dataDir === undefined) throw badConfig('--data-dir', 'is missing');
  const client = hostPort(option('client-listen'), { host: '127.0.0.1', port: 7001 });
  const peer = hostPort(option('peer-listen'), shifted(client, 10_000, '--peer-listen'));
  const httpGiven = option('http-listen');
  const http =
    httpGiven?.value === 'off' ? null : hostPort(httpGiven, shifted(client, 1000, '--http-listen'));
  const initialCluster = parseCluster(option('initial-cluster'));
  if (initialCluster.length > 0 && !initialCluster.some((member) => member.id === id.value)) {
    throw badConfig(option('initial-cluster')!.from, `does not name this node, ${id.value}`);
  }
  const isOption = (name: string) => (nodeOptions as readonly string[]).includes(name);
  return {
    id: id.value,
    dataDir: path.resolve(dataDir.value),
    clientListen: client,
    peerListen: peer,
    httpListen: http,
    clientAdvertise: hostPort(option('client-advertise'), client),
    peerAdvertise: hostPort(option('peer-advertise'), peer),
    httpAdvertise: http === null ? null : hostPort(option('http-advertise'), http),
    initialCluster,
    join: (option('join')?.value ?? '').split(',').filter((address) => address !== ''),
    zone: option('zone')?.value ?? null,
    location: parseLocation(option('location')),
    settings: new Settings(given.filter((g) => !isOption(g.name))),
  };
}

function hostPort(given: Given | undefined, otherwise: HostPort): HostPort {
  return given === undefined ? otherwise : parseHostPort(given);
}

function shifted({ host, port }: HostPort, by: number, flag: string): HostPort {
  if (port + by > 65535) {
    throw badConfig('--client-listen', `port ${port} leaves none for ${flag}: set it on its own`);
  }
  return { host, port: port + by };
}

function parseCluster(given: Given | undefined): { id: string; peerAddress: string }[] {
  if (given === undefined || given.value === '') return [];
  const members = given.value.split(',').map((part) => {
    const at = part.indexOf('=');
    const id = part.slice(0, at);
    const peerAddress = part.slice(at + 1);
    if (at < 1) throw badConfig(given.from, `'${part}' must be ID=HOST:PEERPORT`);
    parseHostPort({ ...given, value: peerAddress });
    return { id, peerAddress };
  });
  if (new Set(members.map((member) => member.id)).size !== members.length) {
    throw badConfig(given.from, 'names a node twice');
  }
  return members;
}

function parseLocation(given: Given | undefined): string | null {
  if (given === undefined) return null;
  const [latitude, longitude, rest] = given.value.split(',').map(Number);
  const fits =
    rest === undefined && Math.abs(latitude ?? 91) <= 90 && Math.abs(longitude ?? 181) <= 180;
  if (!fits) throw badConfig(given.from, `location must be LAT,LON, not '${given.value}'`);
  return `${latitude},${longitude}`;
}
