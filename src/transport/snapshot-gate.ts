/**
 * At most one snapshot per group is installed at a time. A second one is refused, unless its
 * leader has a newer term: then the older is aborted, and the newer begins when it has ended.
 */
import type { GroupId, Term } from '../raft/types.js';

interface Running {
  readonly term: Term;
  readonly abort: (reason: string) => void;
  readonly ended: Promise<void>;
}

export class SnapshotGate {
  readonly #running = new Map<GroupId, Running>();

  /**
   * Ends as `install` does; `abort` must make it end soon.
   * @throws Error when another one runs.
   */
  async run(
    group: GroupId,
    term: Term,
    abort: (reason: string) => void,
    install: () => Promise<void>,
  ): Promise<void> {
    const older = this.#running.get(group);
    if (older !== undefined && older.term >= term) {
      throw new Error(`another snapshot of group ${group} is being received`);
    }
    older?.abort('a newer leader sends a snapshot');
    const installed = older === undefined ? install() : older.ended.then(install);
    const mine = { term, abort, ended: installed.then(nothing, nothing) };
    this.#running.set(group, mine);
    await mine.ended;
    if (this.#running.get(group) === mine) this.#running.delete(group);
    return installed;
  }
}

/** The outcome is told to whoever started it; the one that waits only needs the end. */
function nothing(): void {}
