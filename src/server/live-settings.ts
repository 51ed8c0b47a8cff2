/**
 * The settings that the server needs while it handles commands, as numbers. Read from the table
 * of settings now and then and after each CONFIG SET, not once per command.
 */
import { limits } from '../limits.js';
import { bytesOfSetting, type SettingsAccess } from './settings-access.js';

const MiB = 1024 * 1024;

export interface OutputLimit {
  /** Beyond it the connection is closed. */
  readonly hardBytes: number;
  /** Beyond it for `softMs` the connection is closed; 0: no such limit. */
  readonly softBytes: number;
  readonly softMs: number;
}

const noOutputLimit: OutputLimit = {
  hardBytes: limits.connectionOutputHardMax,
  softBytes: 0,
  softMs: 0,
};

export class LiveSettings {
  /** Latin1: a char for each byte. */
  requirepass = '';
  maxclients = 10_000;
  /** Idle clients are closed after this; 0: never. */
  idleMsMax = 0;
  /** 0: off */
  keepAliveMs = 0;
  bulkBytesMax = 512 * MiB;
  queryBytesMax = 1024 * MiB;
  /** What clients may leave unread, by class (Redis: client-output-buffer-limit). */
  normalOutput: OutputLimit = noOutputLimit;
  pubsubOutput: OutputLimit = noOutputLimit;
  /** 0: no limit */
  trackedKeysMax = 1_000_000;
  /** Entries of ACL LOG. */
  aclLogMax = 128;
  /** Without a password only clients of this machine are let in. */
  protectedMode = true;
  /** Microseconds; below zero: off. */
  slowlogUs = 10_000;
  slowlogMax = 128;
  /** 0: off */
  latencyThresholdMs = 0;
  latencyTracking = true;
  /** notify-keyspace-events */
  keyEvents = '';
  /** Called when the settings were read. */
  onRefresh: () => void = () => {};
  /** How long a command waits for a leader or for room before it is refused. */
  waitMs = 3000;

  constructor(private readonly settings: SettingsAccess) {
    this.refresh();
  }

  refresh(): void {
    this.requirepass = bytesOfSetting(this.settings.redisValue('requirepass') ?? '');
    this.maxclients = this.number('maxclients', 10_000);
    this.idleMsMax = this.number('timeout', 0) * 1000;
    this.keepAliveMs = this.number('tcp-keepalive', 300) * 1000;
    this.bulkBytesMax = this.number('proto-max-bulk-len', 512 * MiB);
    this.queryBytesMax = this.number('client-query-buffer-limit', 1024 * MiB);
    this.trackedKeysMax = this.number('tracking-table-max-keys', 1_000_000);
    this.aclLogMax = this.number('acllog-max-len', 128);
    this.protectedMode = this.settings.redisValue('protected-mode') !== 'no';
    this.slowlogUs = this.number('slowlog-log-slower-than', 10_000);
    this.slowlogMax = this.number('slowlog-max-len', 128);
    this.latencyThresholdMs = this.number('latency-monitor-threshold', 0);
    this.latencyTracking = this.settings.redisValue('latency-tracking') !== 'no';
    this.keyEvents = this.settings.redisValue('notify-keyspace-events') ?? '';
    this.normalOutput = this.outputLimit('normal');
    this.pubsubOutput = this.outputLimit('pubsub');
    // Two elections and what it takes to notice the first.
    this.waitMs = 2 * this.number('election-timeout-ms', 1000) + 1000;
    this.onRefresh();
  }

  private outputLimit(name: string): OutputLimit {
    const text = this.settings.redisValue('client-output-buffer-limit') ?? '';
    const found = new RegExp(`${name} (\\d+) (\\d+) (\\d+)`).exec(text);
    if (found === null) return noOutputLimit;
    const [hard, soft, seconds] = found.slice(1).map(Number) as [number, number, number];
    const hardBytes = Math.min(hard || limits.connectionOutputHardMax, noOutputLimit.hardBytes);
    return { hardBytes, softBytes: soft, softMs: seconds * 1000 };
  }

  private number(name: string, otherwise: number): number {
    const value = this.settings.redisValue(name);
    const number = value === null || value === '' ? Number.NaN : Number(value);
    return Number.isFinite(number) ? number : otherwise;
  }
}
