/** What a run covered, and how long things took under each nemesis. */
import type { PhaseSummary } from './report.js';
import type { RunReport } from './run.js';

/** Ms. */
export interface Spread {
  readonly median: number;
  readonly worst: number;
}

export interface NemesisFigures {
  readonly nemesis: string;
  readonly phases: number;
  /** The longest time without an acknowledged write (requirement 56). */
  readonly noWriteMs: Spread;
  /** What it may be; null: no bound. */
  readonly noWriteMsMax: number | null;
  /** From healing until all digests are equal (requirement 57). */
  readonly agreeMs: Spread;
  readonly violations: number;
}

export interface Covered {
  readonly phases: number;
  readonly operations: number;
  readonly refused: number;
  readonly unknown: number;
  /** Nodes started again. */
  readonly restarts: number;
  readonly partitions: number;
  readonly elections: number;
  readonly controls: number;
  readonly controlsJudgedFine: number;
  readonly violations: number;
  readonly undecided: number;
  readonly brokenClusters: number;
}

export function figuresOf(phases: readonly PhaseSummary[]): NemesisFigures[] {
  const names = [...new Set(phases.map(({ nemesis }) => nemesis))].sort();
  return names.map((nemesis) => {
    const some = phases.filter((phase) => phase.nemesis === nemesis);
    return {
      nemesis,
      phases: some.length,
      noWriteMs: spread(some.map(({ gapMs }) => gapMs)),
      noWriteMsMax: some[0]!.gapMsMax,
      agreeMs: spread(some.map(({ agreeMs }) => agreeMs)),
      violations: some.filter(({ isFine }) => !isFine).length,
    };
  });
}

export function coveredBy({ phases, controls, deafControls, broken }: RunReport): Covered {
  const sum = (of: (phase: PhaseSummary) => number) =>
    phases.reduce((total, phase) => total + of(phase), 0);
  return {
    phases: phases.length,
    operations: sum(({ operations }) => operations),
    refused: sum(({ refused }) => refused),
    unknown: sum(({ unknown }) => unknown),
    restarts: sum(({ restarts }) => restarts),
    partitions: phases.filter(({ nemesis }) => /^(partition|one-way|island)/.test(nemesis)).length,
    elections: sum(({ elections }) => elections),
    controls,
    controlsJudgedFine: deafControls,
    violations: phases.filter(({ isFine }) => !isFine).length,
    undecided: phases.filter(({ undecided }) => undecided).length,
    brokenClusters: broken,
  };
}

/** For `--json`. */
export function figuresAsJson(report: RunReport): string {
  const { phases, skipped, notReached } = report;
  const written = {
    covered: coveredBy(report),
    nemeses: figuresOf(phases),
    skipped: Object.fromEntries(skipped),
    notReached,
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b).map(Math.round);
  return { median: sorted[sorted.length >> 1]!, worst: sorted.at(-1)! };
}
