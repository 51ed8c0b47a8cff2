/** Errors with a closed set of codes. Control flow looks at `code`, never at the message. */

export type ErrorCode =
  /** A flag, setting or file that the operator must change (exit code 2). */
  | 'BAD_CONFIG'
  /** Another process uses the data directory. */
  | 'DIRECTORY_LOCKED'
  /** The data directory is of another node or cluster. */
  | 'WRONG_DIRECTORY'
  /** The cluster goes on without this node (exit code 1). */
  | 'REMOVED'
  /** Stored bytes are damaged or missing (exit code 3). */
  | 'CORRUPT'
  /** A write or sync failed (exit code 3). */
  | 'STORAGE_FAILED'
  /** Bytes from a peer or client break the protocol. */
  | 'PROTOCOL'
  /** An entry or snapshot this version does not know (exit code 3). */
  | 'UNKNOWN_FORMAT'
  /** An invariant does not hold: a bug. The node stops rather than go on (exit code 3). */
  | 'INVARIANT';

export class TgError extends Error {
  override readonly name = 'TgError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message);
    if (options !== undefined && 'cause' in options) this.cause = options.cause;
  }
  override readonly cause?: unknown;
}

/** Stops the node on what must never happen. Stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TgError('INVARIANT', message);
}

/** The state of a file is unknown after this: nothing is written to it again. */
export function writeFailed(path: string, error: unknown): TgError {
  const reason = error instanceof Error ? error.message : String(error);
  return new TgError(
    'STORAGE_FAILED',
    `writing to ${path} failed: ${reason}; check the disk, then start the node again`,
    { cause: error },
  );
}

/** A fault as it is, and what is not named yet as one of the disk. */
export function storageFault(error: unknown, what: string): TgError {
  if (error instanceof TgError) return error;
  return new TgError('STORAGE_FAILED', `${what}: ${String(error)}`, { cause: error });
}
