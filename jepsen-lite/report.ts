/** What a run prints: a line per phase, and the worst of each nemesis at the end. */
import type { PhaseResult } from './phase.js';
import type { RunReport } from './run.js';

export interface PhaseSummary extends Omit<PhaseResult, 'history'> {
  readonly operations: number;
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

function row(name: string, times: string, gap: string, agree: string): string {
  return `  ${name.padEnd(22)} ${times.padStart(5)} ${gap.padStart(16)} ${agree.padStart(14)}`;
}

export function summary(report: RunReport): string[] {
  const { phases, skipped, notReached } = report;
  const names = [...new Set(phases.map(({ nemesis }) => nemesis))].sort();
  const lines = names.map((name) => {
    const some = phases.filter(({ nemesis }) => nemesis === name);
    const gap = seconds(Math.max(...some.map(({ gapMs }) => gapMs)));
    const agree = seconds(Math.max(...some.map(({ agreeMs }) => agreeMs)));
    return row(name, String(some.length), gap, agree);
  });
  const operations = phases.reduce((sum, phase) => sum + phase.operations, 0);
  const elections = phases.reduce((sum, phase) => sum + phase.elections, 0);
  const restarts = phases.reduce((sum, phase) => sum + phase.restarts, 0);
  const partitions = phases.filter(({ nemesis }) => /^(partition|one-way)/.test(nemesis)).length;
  const bad = phases.filter(({ isFine }) => !isFine).length;
  const undecided = phases.filter((phase) => phase.undecided).length;
  return [
    '',
    row('nemesis', 'times', 'longest no write', 'longest agree'),
    ...lines,
    ...[...skipped].map(([name, reason]) => `  ${name.padEnd(22)} skipped: ${reason}`),
    ...(notReached.length > 0 ? [`  not reached in time: ${notReached.join(', ')}`] : []),
    `${phases.length} phases, ${operations} operations, ${restarts} restarts of nodes, ` +
      `${partitions} partitions, ${elections} terms, ` +
      `${report.controls} controls (${report.deafControls} judged fine), ` +
      `${bad} phases with violations, ${undecided} undecided`,
  ];
}
