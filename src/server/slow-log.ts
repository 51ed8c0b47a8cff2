/** SLOWLOG: the commands that took longest, the newest of them (Redis: slowlog.c). */
export interface SlowCommand {
  readonly id: number;
  readonly atSeconds: number;
  readonly microseconds: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly clientName: string;
}

export class SlowLog {
  /** Oldest first. */
  private entries: SlowCommand[] = [];
  private nextId = 0;

  constructor(private readonly lengthMax: () => number) {}

  get length(): number {
    return this.entries.length;
  }

  add(command: Omit<SlowCommand, 'id'>): void {
    this.entries.push({ id: this.nextId++, ...command });
    const over = this.entries.length - this.lengthMax();
    if (over > 0) this.entries.splice(0, over);
  }

  /** The newest `count`, newest first. */
  newest(count: number): readonly SlowCommand[] {
    return count === 0 ? [] : this.entries.slice(-count).reverse();
  }

  reset(): void {
    this.entries = [];
  }
}
