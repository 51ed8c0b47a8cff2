/**
 * What the clients did, one line per operation, in the format that the checker reads. Stamps are
 * ns of the monotonic clock of this process: `call` before the first byte leaves, `ret` after the
 * reply was parsed.
 */
export interface RecordedOperation {
  readonly id: number;
  readonly p: number;
  readonly k: string;
  readonly f: string;
  readonly a?: unknown;
  readonly call: number;
  readonly ret: number;
  readonly st: 'ok' | 'fail' | 'unknown';
  readonly r?: unknown;
}

export class Recorder {
  readonly operations: RecordedOperation[] = [];
  private nextProcess = 0;

  static now(): number {
    return Math.round(performance.now() * 1e6);
  }

  /** A client whose outcome is not known goes on as another process. */
  newProcess(): number {
    return this.nextProcess++;
  }

  add(operation: Omit<RecordedOperation, 'id'>): void {
    this.operations.push({ id: this.operations.length, ...operation });
  }

  /** One line per operation. */
  toJsonl(): string {
    return this.operations.map((operation) => `${JSON.stringify(operation)}\n`).join('');
  }
}
