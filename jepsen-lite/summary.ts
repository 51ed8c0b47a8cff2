/** A report in words, and as JSON for scripts. */
import type { Report } from './check.js';
import type { Failure } from './check-key.js';
import type { Action, Operation } from './history.js';

function argumentOf(action: Action): string {
  if (action.f === 'cas') return `${JSON.stringify(action.from)}, ${JSON.stringify(action.value)}`;
  if (action.f === 'incr') return String(action.delta);
  return 'value' in action ? JSON.stringify(action.value) : '';
}

/** As in `cas("1", "2") -> true`. */
export function describeOperation({ action, outcome }: Operation): string {
  const asked = `${action.f}(${argumentOf(action)})`;
  if (outcome !== 'ok') return `${asked} -> ${outcome}`;
  const result = 'result' in action ? (action.result ?? null) : undefined;
  return result === undefined ? asked : `${asked} -> ${JSON.stringify(result)}`;
}

function describeFailure(failure: Failure): string[] {
  const { key, offending, prefix, isShortest } = failure;
  const { line, process, ret } = offending;
  const size = prefix.known.length + prefix.unknown.length;
  const where = `key ${JSON.stringify(key)}, line ${line}`;
  const what = `${describeOperation(offending)} by process ${process}`;
  const name = isShortest ? 'shortest failing prefix' : 'failing prefix (perhaps not the shortest)';
  return [
    `${where}: ${what} fits no order of what came before`,
    `${name}: up to time ${ret}, ${size} operations on this key that matter`,
  ];
}

export function summaryLines(report: Report): string[] {
  const { verdict, operations, keys, undecidedKeys, failure } = report;
  const first = `${verdict}: ${operations} operations on ${keys} keys`;
  if (failure !== null) return [first, ...describeFailure(failure)];
  if (verdict === 'linearizable') return [first];
  const some = undecidedKeys.slice(0, 10).map((key) => JSON.stringify(key));
  return [first, `a time, step or memory bound was reached at ${undecidedKeys.length}: ${some}`];
}

function operationJson({ line, id, process, call, ret, action }: Operation) {
  return { line, id, process, call, ret: Number.isFinite(ret) ? ret : null, ...action };
}

export function reportJson(report: Report): object {
  const { failure, ...rest } = report;
  if (failure === null) return { ...rest, failure: null };
  const { key, offending, isShortest, prefix, explained } = failure;
  const ids = (steps: readonly { operation: Operation }[]) => steps.map((s) => s.operation.id);
  return {
    ...rest,
    failure: {
      key,
      isShortest,
      until: offending.ret,
      offending: operationJson(offending),
      prefix: ids([...prefix.known, ...prefix.unknown]),
      explained: ids(explained),
    },
  };
}
