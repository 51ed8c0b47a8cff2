/**
 * What a seed decides before anything runs: size and settings of the cluster, bounds made tiny so
 * that rare paths are common, the temper of network, disks and clocks, and the list of faults.
 */
import { limits } from '../../src/limits.js';
import { generator } from '../raft/support.js';
import { crashKinds, type Fault, type FaultKind, faultKinds } from './faults.js';

export interface Profile {
  readonly seed: number;
  readonly voters: number;
  /** Nodes that form no part of the first cluster. */
  readonly spares: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly snapshotBytes: number;
  readonly limits: Readonly<Record<string, number>>;
  readonly codec: boolean;
  readonly loss: number;
  readonly duplicate: number;
  readonly delayMaxMs: number;
  readonly diskMs: number;
  /** Clocks of nodes run fast or slow by at most this, in a million. */
  readonly driftPpm: number;
  /** Wall clocks are off by hours, and jump. */
  readonly wildWalls: boolean;
  /** No process ends. */
  readonly calm: boolean;
  readonly clients: number;
  readonly thinkMs: number;
  readonly pipelineMax: number;
  /** After this many ms without an answer a client gives up and goes elsewhere. */
  readonly patienceMs: number;
  readonly evicting: boolean;
  readonly faultsMs: number;
  /** Heal everything at the end, or only a majority. */
  readonly healAll: boolean;
  readonly faults: readonly Fault[];
}

type Random = (bound: number) => number;

/** Independent streams of one seed: to leave a fault out does not move the others. */
export function stream(seed: number, number: number): Random {
  const random = generator(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  for (let warm = 0; warm < 4; warm++) random(2);
  return random;
}

export function profileOf(seed: number): Profile {
  const profile = anyProfile(seed);
  const random = stream(seed, rushStream);
  return random(6) === 0 && !profile.evicting ? rushed(profile, random) : profile;
}

const rushStream = 1_000_000;
const deposing: readonly FaultKind[] = ['freeze-leader', 'isolate-leader', 'freeze-leader'];
const replacing: readonly FaultKind[] = ['crash-leader', 'transfer', 'freeze-leader'];

/**
 * Many hasty clients on quick links and disks, while leaders are stopped or cut off for longer
 * than an election takes: what an old leader answers shows as soon as it is wrong. Or they are
 * replaced at once by leaders with a lease that are slow to apply.
 */
function rushed(profile: Profile, random: Random): Profile {
  const slow = random(3) === 0;
  const kinds = slow && !profile.calm ? replacing : deposing;
  const faults = Array.from({ length: 6 }, (_, number) => ({
    number,
    atMs: 300 + Math.floor((number * (profile.faultsMs - 300)) / 6) + random(100),
    kind: kinds[random(kinds.length)]!,
    node: random(64),
    other: random(64),
    forMs: 50 + random(400),
    amount: random(1000),
  }));
  return {
    ...profile,
    ...{ voters: 3, spares: 0, clients: 5, thinkMs: 9, pipelineMax: 2, patienceMs: 150 },
    ...{ loss: 0, delayMaxMs: 3, diskMs: 2, faults },
    settings: { ...profile.settings, ...(slow ? { 'read-consistency': 'lease' } : {}) },
    limits: {
      ...profile.limits,
      ...(slow ? { applyCommandsPerTurnMax: 1, committedBytesMax: 64 } : {}),
    },
  };
}

function anyProfile(seed: number): Profile {
  const random = stream(seed, 0);
  const one = (chance: number) => random(chance) === 0;
  const voters = one(3) ? 5 : 3;
  const wildWalls = one(3);
  const calm = one(6);
  const faultsMs = 3000;
  const evicting = one(6);
  return {
    seed,
    voters,
    spares: one(2) ? 1 : 0,
    settings: settingsOf(random, evicting),
    snapshotBytes: [300, 1000, 4000, 100_000][random(4)]!,
    limits: limitsOf(random),
    codec: one(4),
    loss: one(2) ? 0 : random(60),
    duplicate: one(2) ? 0 : random(80),
    delayMaxMs: 1 + random(one(3) ? 40 : 8),
    diskMs: 1 + random(one(3) ? 30 : 6),
    driftPpm: 5000,
    wildWalls,
    calm,
    clients: 3 + random(3),
    thinkMs: 10 + random(40),
    pipelineMax: 1 + random(5),
    patienceMs: [60, 250, 2500][random(3)]!,
    evicting,
    faultsMs,
    healAll: !one(3),
    faults: faultsOf(random, { earliestMs: one(6) ? 0 : 400, faultsMs, calm, wildWalls }),
  };
}

function settingsOf(random: Random, evicting: boolean): Record<string, string> {
  return {
    'election-timeout-ms': '100',
    'heartbeat-interval-ms': '20',
    'max-staleness-ms': String([50, 500, 5000][random(3)]!),
    'read-consistency': random(3) === 0 ? 'lease' : 'linearizable',
    'follower-writes': random(3) === 0 ? 'forward' : 'redirect',
    ...(evicting ? { maxkeys: String(4 + random(8)) } : {}),
    ...(evicting && random(3) === 0 ? { 'maxmemory-policy': 'tlru-due' } : {}),
  };
}

function limitsOf(random: Random): Record<string, number> {
  const pick = (...values: number[]) => values[random(values.length)]!;
  return {
    batchCommandsMax: pick(1, 2, 8, limits.batchCommandsMax),
    appendBytesMax: pick(64, 300, 2000, limits.appendBytesMax),
    inflightAppendsMax: pick(1, 2, 8, limits.inflightAppendsMax),
    inflightBytesMax: pick(2000, 20_000, limits.inflightBytesMax),
    committedBytesMax: pick(64, 1000, limits.committedBytesMax),
    logWindowBytesMax: pick(200, 2000, 20_000, limits.logWindowBytesMax),
    logWritesMax: pick(1, 2, limits.logWritesMax),
    uncommittedBytesMax: pick(4000, limits.uncommittedBytesMax),
    readTokensMax: pick(4, 64, limits.readTokensMax),
    applyCommandsPerTurnMax: pick(1, 1, 4, limits.applyCommandsPerTurnMax),
    logTailBytes: pick(0, 200, 2000, 20_000),
    logMarkBytes: pick(1, 100, 1000),
    snapshotChunkBytes: pick(16_384, 65_536),
    snapshotQueueBytesMax: pick(100, 2000, limits.snapshotQueueBytesMax),
    expirePerEntryMax: pick(1, 2, limits.expirePerEntryMax),
    cascadePerEntryMax: pick(1, 3, limits.cascadePerEntryMax),
    evictPerWriteMax: pick(1, 4, limits.evictPerWriteMax),
    evictionStepsMax: pick(2, limits.evictionStepsMax),
  };
}

/** Puts tiny bounds in force; returns the way back. */
export function useLimits(changes: Readonly<Record<string, number>>): () => void {
  const target = limits as unknown as Record<string, number>;
  const before = { ...target };
  Object.assign(target, changes);
  return () => Object.assign(target, before);
}

interface FaultPlan {
  readonly earliestMs: number;
  readonly faultsMs: number;
  readonly calm: boolean;
  readonly wildWalls: boolean;
}

/** A seed prefers some kinds, so that the same fault meets itself. */
function faultsOf(random: Random, plan: FaultPlan): Fault[] {
  const allowed = faultKinds.filter(
    (kind) => (kind !== 'wall-jump' || plan.wildWalls) && !(plan.calm && isCrash(kind)),
  );
  const common = [...allowed, ...sharp.filter((kind) => allowed.includes(kind))];
  const favourites = Array.from({ length: 4 }, () => common[random(common.length)]!);
  const count = 3 + random(12);
  const faults: Fault[] = [];
  for (let number = 0; number < count; number++) {
    const pool = random(2) === 0 ? favourites : common;
    faults.push({
      number,
      atMs: plan.earliestMs + random(plan.faultsMs - plan.earliestMs),
      kind: pool[random(pool.length)]!,
      node: random(64),
      other: random(64),
      forMs: random(3) === 0 ? random(1200) : random(250),
      amount: random(1000),
    });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Those that bring two leaders, or two configurations, close to each other come more often. */
const sharp: readonly FaultKind[] = [
  'crash-leader',
  'pause-leader',
  'freeze-leader',
  'freeze-leader',
  'isolate-leader',
  'betray',
  'add',
  'remove',
];

function isCrash(kind: FaultKind): boolean {
  return (crashKinds as readonly FaultKind[]).includes(kind);
}
