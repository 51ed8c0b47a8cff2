/** What a run prints: a line per phase, and the figures of each nemesis at the end. */
import { coveredBy, figuresOf, type NemesisFigures } from './figures.js';
import type { PhaseResult } from './phase.js';
import type { RunReport } from './run.js';

export interface PhaseSummary extends Omit<PhaseResult, 'history'> {
  readonly refused: number;
  readonly unknown: number;
  readonly kind: string;
  readonly nodes: number;
  readonly network: string;
  readonly undecided: boolean;
  readonly isFine: boolean;
}

const shownMax = 5;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

export function phaseLine(phase: PhaseSummary): string {
  const { nemesis, nodes, kind, gapMs, gapMsMax, agreeMs, elections, problems } = phase;
  const bound = gapMsMax === null ? 'no bound' : `at most ${seconds(gapMsMax)}`;
  const verdict = phase.isFine ? (phase.undecided ? 'UNDECIDED' : 'ok') : 'VIOLATION';
  const figures = [
    `no write for ${seconds(gapMs)} (${bound})`,
    `agreed ${seconds(agreeMs)} after healing`,
    `${elections} terms`,
    `${phase.operations} operations`,
    `${phase.refused} refused`,
    `${phase.unknown} unknown`,
  ];
  const where = `${nodes} nodes, ${phase.network}, ${kind}`;
  const head = `${verdict.padEnd(9)} ${nemesis.padEnd(22)} ${where.padEnd(29)}`;
  const shown = problems.slice(0, shownMax).map((problem) => `\n  ${problem}`);
  const more = problems.length > shownMax ? `\n  and ${problems.length - shownMax} more` : '';
  return `${head} ${figures.join(', ')}${shown.join('')}${more}`;
}

function row(...[name, ...columns]: readonly string[]): string {
  return `  ${name!.padEnd(22)}${columns.map((column) => column.padStart(14)).join('')}`;
}

function figuresRow({ nemesis, phases, noWriteMs, noWriteMsMax, agreeMs }: NemesisFigures): string {
  const bound = noWriteMsMax === null ? 'no bound' : seconds(noWriteMsMax);
  const gap = [seconds(noWriteMs.median), seconds(noWriteMs.worst), bound];
  return row(nemesis, String(phases), ...gap, seconds(agreeMs.median), seconds(agreeMs.worst));
}

export function summary(report: RunReport): string[] {
  const { phases, skipped, notReached } = report;
  const covered = coveredBy(report);
  return [
    '',
    row('', '', 'no write for', '', '', 'agreed after', ''),
    row('nemesis', 'phases', 'median', 'worst', 'at most', 'median', 'worst'),
    ...figuresOf(phases).map(figuresRow),
    ...[...skipped].map(([name, reason]) => `  ${name.padEnd(22)} skipped: ${reason}`),
    ...(notReached.length > 0 ? [`  not reached in time: ${notReached.join(', ')}`] : []),
    `${covered.phases} phases, ${covered.operations} operations, ` +
      `${covered.restarts} restarts of nodes, ${covered.partitions} partitions, ` +
      `${covered.elections} terms, ` +
      `${covered.controls} controls (${covered.controlsJudgedFine} judged fine), ` +
      `${covered.violations} phases with violations, ${covered.undecided} undecided, ` +
      `${covered.brokenClusters} clusters that broke`,
  ];
}
