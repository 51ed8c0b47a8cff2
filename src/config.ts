/**
 * The configuration of one node: flags, then environment, then file, then defaults. Parsed into a
 * new frozen object; unknown names and bad values are refused with one line that says where they
 * stand (TgError BAD_CONFIG, exit code 2).
 */
import path from 'node:path';
import { type HostPort, readHostPort } from './host-port.js';
import { badConfig, type Given, Settings } from './settings.js';

export { formatHostPort, type HostPort } from './host-port.js';
export { type Given, Settings } from './settings.js';

export interface InitialMember {
  readonly id: string;
  /** HOST:PORT of its Raft port. */
  readonly peerAddress: string;
}

export interface NodeConfig {
  readonly id: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly clientListen: HostPort;
  readonly peerListen: HostPort;
  /** Null: off. */
  readonly httpListen: HostPort | null;
  /** What others are told; the listen addresses unless given. */
  readonly clientAdvertise: HostPort;
  readonly peerAdvertise: HostPort;
  readonly httpAdvertise: HostPort | null;
  /** Empty unless a new cluster is to be formed. Names this node too. */
  readonly initialCluster: readonly InitialMember[];
  /** HOST:PEERPORT of members of a running cluster. */
  readonly join: readonly string[];
  readonly zone: string | null;
  /** "LAT,LON" in degrees. */
  readonly location: string | null;
  readonly settings: Settings;
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
export type NodeOption = (typeof nodeOptions)[number];

export const defaultClientPort = 7001;
/** Client port to peer port (as the Redis cluster bus) and to HTTP port. */
export const peerPortOffset = 10_000;
export const httpPortOffset = 1000;

/** The whole configuration of a node; `given` is strongest first. Throws TgError BAD_CONFIG. */
export function nodeConfig(given: readonly Given[]): NodeConfig {
  const option = (name: NodeOption) => given.find((candidate) => candidate.name === name);
  const id = required(option('id'), '--id');
  checkId(id);
  const dataDir = required(option('data-dir'), '--data-dir').value;
  const isOption = (name: string) => (nodeOptions as readonly string[]).includes(name);
  return Object.freeze({
    id: id.value,
    dataDir: path.resolve(dataDir),
    ...addresses(option),
    ...membership(option, id.value),
    zone: parseZone(option('zone')),
    location: parseLocation(option('location')),
    settings: new Settings(given.filter(({ name }) => !isOption(name))),
  });
}

type Options = (name: NodeOption) => Given | undefined;

function required(given: Given | undefined, flag: string): Given {
  if (given === undefined || given.value === '') throw badConfig(flag, 'is missing');
  return given;
}

function checkId({ value, from }: Given): void {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(value)) {
    throw badConfig(from, `id must be 1-64 of A-Z a-z 0-9 . _ -, not '${value}'`);
  }
}

function addresses(option: Options) {
  const fallback = { host: '127.0.0.1', port: defaultClientPort };
  const client = hostPort(option('client-listen'), () => fallback);
  const peer = hostPort(option('peer-listen'), () => shifted(client, peerPortOffset, 'peer'));
  const http = optionalHostPort(option('http-listen'), () =>
    shifted(client, httpPortOffset, 'http'),
  );
  return {
    clientListen: client,
    peerListen: peer,
    httpListen: http,
    clientAdvertise: hostPort(option('client-advertise'), () => client),
    peerAdvertise: hostPort(option('peer-advertise'), () => peer),
    httpAdvertise: http === null ? null : hostPort(option('http-advertise'), () => http),
  };
}

/** Throws TgError BAD_CONFIG. */
export function parseHostPort(given: Given): HostPort {
  const parsed = readHostPort(given.value);
  if (parsed !== null) return parsed;
  throw badConfig(given.from, `${given.name} must be HOST:PORT, not '${given.value}'`);
}

function hostPort(given: Given | undefined, otherwise: () => HostPort): HostPort {
  return given === undefined ? otherwise() : parseHostPort(given);
}

function optionalHostPort(given: Given | undefined, otherwise: () => HostPort): HostPort | null {
  return given?.value === 'off' ? null : hostPort(given, otherwise);
}

function shifted({ host, port }: HostPort, by: number, kind: string): HostPort {
  if (port + by > 65535) {
    throw badConfig(
      'client-listen',
      `port ${port} is too high to derive --${kind}-listen: give it`,
    );
  }
  return { host, port: port + by };
}

function membership(option: Options, id: string) {
  const initialCluster = parseCluster(option('initial-cluster'), id);
  const join = parseJoin(option('join'));
  if (initialCluster.length > 0 && join.length > 0) {
    throw badConfig(option('join')!.from, 'join and initial-cluster exclude each other');
  }
  return { initialCluster, join };
}

function parseCluster(given: Given | undefined, ownId: string): readonly InitialMember[] {
  if (given === undefined || given.value === '') return [];
  const members = given.value.split(',').map((value) => parseMember({ ...given, value }));
  const distinct = (values: readonly string[]) => new Set(values).size === values.length;
  if (!distinct(members.map(({ id }) => id))) {
    throw badConfig(given.from, 'initial-cluster names a node twice');
  }
  if (!distinct(members.map(({ peerAddress }) => peerAddress))) {
    throw badConfig(given.from, 'initial-cluster names an address twice');
  }
  if (!members.some(({ id }) => id === ownId)) {
    throw badConfig(given.from, `initial-cluster does not name this node, ${ownId}`);
  }
  return Object.freeze(members);
}

/** Throws TgError BAD_CONFIG. */
export function parseMember(given: Given): InitialMember {
  const part = given.value;
  const at = part.indexOf('=');
  const id = part.slice(0, at);
  const peerAddress = part.slice(at + 1);
  if (at < 1 || readHostPort(peerAddress) === null) {
    throw badConfig(given.from, `${given.name} must hold ID=HOST:PEERPORT, not '${part}'`);
  }
  checkId({ ...given, value: id });
  return { id, peerAddress };
}

function parseJoin(given: Given | undefined): readonly string[] {
  if (given === undefined || given.value === '') return [];
  const seeds = given.value.split(',');
  const wrong = seeds.find((address) => readHostPort(address) === null);
  if (wrong === undefined) return Object.freeze(seeds);
  throw badConfig(given.from, `join must hold HOST:PEERPORT, not '${wrong}'`);
}

function parseZone(given: Given | undefined): string | null {
  if (given === undefined || given.value === '') return null;
  if (/^[\w.:/-]{1,64}$/.test(given.value)) return given.value;
  throw badConfig(given.from, `zone must be 1-64 of A-Z a-z 0-9 . _ : / -, not '${given.value}'`);
}

function parseLocation(given: Given | undefined): string | null {
  if (given === undefined || given.value === '') return null;
  const degrees = '(-?\\d+(?:\\.\\d+)?)';
  const match = new RegExp(`^${degrees},\\s*${degrees}$`).exec(given.value.trim());
  const latitude = Number(match?.[1] ?? 91);
  const longitude = Number(match?.[2] ?? 181);
  if (Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) return `${latitude},${longitude}`;
  throw badConfig(given.from, `location must be LAT,LON in degrees, not '${given.value}'`);
}
