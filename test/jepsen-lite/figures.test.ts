/** What a run tells of its phases. */
import { expect, it } from 'vitest';
import { coveredBy, figuresAsJson, figuresOf } from '../../jepsen-lite/figures.js';
import { type PhaseSummary, summary } from '../../jepsen-lite/report.js';
import { exitCodeOf, type RunReport } from '../../jepsen-lite/run.js';

function phase(nemesis: string, gapMs: number, agreeMs: number, isFine = true): PhaseSummary {
  const counts = { operations: 100, refused: 3, unknown: 1, elections: 1, restarts: 2, nodes: 3 };
  const where = { kind: 'redirect', network: 'relays', undecided: false };
  return { nemesis, gapMs, gapMsMax: 5000, agreeMs, ...counts, ...where, problems: [], isFine };
}

const phases = [
  phase('partition-ring', 40.4, 900),
  phase('kill-leader', 2000, 300),
  phase('kill-leader', 70, 500),
  phase('kill-leader', 90, 100, false),
];
const report: RunReport = {
  ...{ phases, skipped: new Map([['disk-full', 'needs root']]), notReached: ['churn'] },
  ...{ controls: 2, deafControls: 0, broken: 0 },
};

it('the figures of a nemesis are the median and the worst of its phases', () => {
  expect(figuresOf(phases)).toEqual([
    {
      ...{ nemesis: 'kill-leader', phases: 3, violations: 1, noWriteMsMax: 5000 },
      ...{ noWriteMs: { median: 90, worst: 2000 }, agreeMs: { median: 300, worst: 500 } },
    },
    {
      ...{ nemesis: 'partition-ring', phases: 1, violations: 0, noWriteMsMax: 5000 },
      ...{ noWriteMs: { median: 40, worst: 40 }, agreeMs: { median: 900, worst: 900 } },
    },
  ]);
});

it('what was covered is summed up, printed and written', () => {
  const covered = coveredBy(report);
  const sums = { phases: 4, operations: 400, restarts: 8, partitions: 1, violations: 1 };
  expect(covered).toMatchObject(sums);
  const text = summary(report).join('\n');
  expect(text).toMatch(/kill-leader +3 +0.09 s +2.00 s +5.00 s +0.30 s +0.50 s/);
  expect(text).toContain('disk-full              skipped: needs root');
  expect(text).toContain('not reached in time: churn');
  const written = JSON.parse(figuresAsJson(report));
  expect(written).toEqual({
    ...{ covered, nemeses: figuresOf(phases) },
    ...{ skipped: { 'disk-full': 'needs root' }, notReached: ['churn'] },
  });
});

it('the exit code is 1 for violations, deaf controls and broken clusters, 2 for no verdict', () => {
  const fine = { ...report, phases: [phase('none', 1, 1)] };
  expect(exitCodeOf(fine)).toBe(0);
  expect(exitCodeOf(report)).toBe(1);
  expect(exitCodeOf({ ...fine, deafControls: 1 })).toBe(1);
  expect(exitCodeOf({ ...fine, broken: 1 })).toBe(1);
  expect(exitCodeOf({ ...fine, phases: [{ ...phase('none', 1, 1), undecided: true }] })).toBe(2);
});
