/** What the checker says about a recorded history, in a line. */
import { check, defaultBounds, type Report } from './check.js';
import { parseHistory } from './history.js';
import type { Recorder } from './recorder.js';

/** For one history; then it counts as undecided. */
const checkMsMax = 30_000;

export interface Judgement {
  readonly verdict: 'linearizable' | 'not linearizable' | 'unknown';
  /** What is wrong, or which keys are undecided; empty when all is well. */
  readonly text: string;
  readonly report: Report;
}

export function judge(recorder: Recorder): Judgement {
  const until = performance.now() + checkMsMax;
  const isOver = () => performance.now() > until;
  const history = parseHistory(recorder.toJsonl());
  const report = check(history, { ...defaultBounds, isOver });
  const { verdict, failure, undecidedKeys } = report;
  if (failure !== null) {
    const { key, offending } = failure;
    return { verdict, text: `${key}: no order explains operation ${offending.id}`, report };
  }
  return { verdict, text: undecidedKeys.join(', '), report };
}
