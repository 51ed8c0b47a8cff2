/** Runs one seed to its verdict; a failure is made as small as it gets, and told in one line. */
import { SimFailure } from './failure.js';
import { shrink } from './shrink.js';
import { type Report, simulate } from './simulation.js';

export interface Failure {
  readonly seed: number;
  /** Repeats it: `node dist/test/sim/run.js ...` */
  readonly command: string;
  readonly what: string;
  /** See SimFailure. What is no check of the simulator is an assertion of the program itself. */
  readonly checker: string;
}

export type Verdict =
  | { readonly ok: true; readonly report: Report }
  | { readonly ok: false; readonly failure: Failure };

export async function judge(seed: number): Promise<Verdict> {
  try {
    return { ok: true, report: await simulate(seed) };
  } catch (error) {
    const left = [...(await shrink(seed))];
    const without = left.length > 0 ? ` --without ${left.join(',')}` : '';
    const command = `node dist/test/sim/run.js --seed ${seed}${without}`;
    const what = String(error).split('\n')[0]!;
    return { ok: false, failure: { seed, command, what, checker: checkerOf(error) } };
  }
}

export function checkerOf(error: unknown): string {
  return error instanceof SimFailure ? error.checker : 'assertion in the program';
}
