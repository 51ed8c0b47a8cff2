/**
 * Reads after READONLY, which may be stale: on one connection a value never goes back, and it is
 * at most so old as `max-staleness-ms` and the time a deposed leader needs to notice allow.
 */
import type { HostPort } from '../src/host-port.js';
import { Connection } from './connection.js';
import { Recorder } from './recorder.js';
import { makeClients, type Workload, type WorkloadContext } from './workload.js';

const setMs = 2000;
/** Shorter than a fault lasts: what a node held before it must not be served afterwards. */
export const staleReadSettings = [`max-staleness-ms=${setMs}`];
/**
 * A follower may follow a leader that is cut off from the others for one election timeout. The
 * rest is for busy machines.
 */
const staleMsMax = setMs + 1000 + 2000;
const readersPerNode = 2;

export function staleReads(context: WorkloadContext): Workload {
  const { cluster, phase } = context;
  const key = `stale:${phase}`;
  const [writer] = makeClients(context, 1) as [ReturnType<typeof makeClients>[number]];
  // Nodes that come later too.
  const readers = cluster.places.flatMap(({ id }) =>
    Array.from({ length: readersPerNode }, () => new Reader(cluster.address(id), id, key)),
  );
  /** When the increment to each number was acknowledged, in ns; never: what is not known. */
  const acknowledged: number[] = [0];
  const wrong: string[] = [];
  let operations = 0;

  async function write(): Promise<void> {
    if (!(await writer.connect())) return;
    operations++;
    const outcome = await writer.exchange([['INCR', key]]);
    if (outcome.kind !== 'done') return;
    const number = Number(outcome.replies[0]);
    while (acknowledged.length < number) acknowledged.push(Number.POSITIVE_INFINITY);
    acknowledged[number] = Recorder.now();
  }

  function judge(reader: Reader, value: number, before: number, askedAt: number): void {
    operations++;
    if (value < before) wrong.push(`stale: ${reader.node} went from ${before} back to ${value}`);
    // The oldest write that the read missed makes it as old as it is.
    const missed = acknowledged.slice(value + 1).find((at) => at < Number.POSITIVE_INFINITY);
    const ageMs = missed === undefined ? 0 : (askedAt - missed) / 1e6;
    if (ageMs > staleMsMax) {
      wrong.push(`stale: ${reader.node} gave ${value}, outdated ${Math.round(ageMs)} ms ago`);
    }
  }

  return {
    name: 'stale',
    steps: [write, ...readers.map((reader) => () => reader.read(judge))],
    unrecorded: () => operations,
    check: async () => wrong,
    close: () => {
      writer.close();
      for (const reader of readers) reader.close();
    },
  };
}

class Reader {
  private connection: Connection | null = null;
  private last = 0;

  constructor(
    private readonly address: HostPort,
    readonly node: string,
    private readonly key: string,
  ) {}

  async read(
    judge: (reader: Reader, value: number, before: number, askedAt: number) => void,
  ): Promise<void> {
    if (this.connection === null || this.connection.closed) {
      this.connection = await Connection.open(this.address);
      this.last = 0;
      if ((await this.connection?.ask([['READONLY']])) == null) return;
    }
    const askedAt = Recorder.now();
    const [reply] = (await this.connection?.ask([['GET', this.key]])) ?? [];
    if (typeof reply !== 'string' && reply !== null) return;
    const value = Number(reply ?? 0);
    judge(this, value, this.last, askedAt);
    this.last = value;
  }

  close(): void {
    this.connection?.close();
  }
}
