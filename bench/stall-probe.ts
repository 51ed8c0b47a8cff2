/**
 * Preloaded into a node (--import): writes down each time its event loop came late, and how much
 * of that the main thread spent computing and how much waiting for a CPU that others had. One JSON
 * line each to `stalls.jsonl` in the node's working directory.
 */
import { appendFileSync, readFileSync } from 'node:fs';

export interface Stall {
  readonly atMs: number;
  readonly lateMs: number;
  readonly computingMs: number;
  readonly waitingMs: number;
}

export const stallsFile = 'stalls.jsonl';
const periodMs = 2;
const notedMs = 4;

/** Linux: nanoseconds that the main thread ran, and that it was runnable and did not run. */
function scheduled(): readonly [number, number] {
  const [ran, waited] = readFileSync('/proc/self/schedstat', 'latin1').split(' ');
  return [Number(ran) / 1e6, Number(waited) / 1e6];
}

export function watchStalls(): void {
  let before = performance.now();
  let [ranBefore, waitedBefore] = scheduled();
  setInterval(() => {
    const now = performance.now();
    const [ran, waited] = scheduled();
    const lateMs = now - before - periodMs;
    if (lateMs >= notedMs) {
      const stall: Stall = {
        atMs: Date.now(),
        lateMs,
        computingMs: ran - ranBefore,
        waitingMs: waited - waitedBefore,
      };
      appendFileSync(stallsFile, `${JSON.stringify(stall)}\n`);
    }
    [before, ranBefore, waitedBefore] = [performance.now(), ran, waited];
  }, periodMs).unref();
}
