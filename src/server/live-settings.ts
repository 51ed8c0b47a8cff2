/**
 * The settings that the server needs while it handles commands, as numbers. Read from the table
 * of settings now and then and after each CONFIG SET, not once per command.
 */
import { limits } from '../limits.js';
import type { SettingsAccess } from './settings-access.js';

const MiB = 1024 * 1024;

export class LiveSettings {
  requirepass = '';
  maxclients = 10_000;
  /** Idle clients are closed after this; 0: never. */
  idleMsMax = 0;
  /** 0: off */
  keepAliveMs = 0;
  bulkBytesMax = 512 * MiB;
  queryBytesMax = 1024 * MiB;
  /** Replies a client has not read; beyond it the connection is closed. */
  outputBytesHardMax: number = limits.connectionOutputHardMax;
  /** How long a command waits for a leader or for room before it is refused. */
  waitMs = 3000;

  constructor(private readonly settings: SettingsAccess) {
    this.refresh();
  }

  refresh(): void {
    this.requirepass = this.settings.redisValue('requirepass') ?? '';
    this.maxclients = this.number('maxclients', 10_000);
    this.idleMsMax = this.number('timeout', 0) * 1000;
    this.keepAliveMs = this.number('tcp-keepalive', 300) * 1000;
    this.bulkBytesMax = this.number('proto-max-bulk-len', 512 * MiB);
    this.queryBytesMax = this.number('client-query-buffer-limit', 1024 * MiB);
    this.outputBytesHardMax = this.normalOutputLimit() || limits.connectionOutputHardMax;
    // Two elections and what it takes to notice the first.
    this.waitMs = 2 * this.number('election-timeout-ms', 1000) + 1000;
  }

  /** Redis: client-output-buffer-limit, class normal, hard limit. */
  private normalOutputLimit(): number {
    const text = this.settings.redisValue('client-output-buffer-limit') ?? '';
    return Number(/normal (\d+)/.exec(text)?.[1] ?? 0);
  }

  private number(name: string, otherwise: number): number {
    const value = this.settings.redisValue(name);
    const number = value === null || value === '' ? Number.NaN : Number(value);
    return Number.isFinite(number) ? number : otherwise;
  }
}
