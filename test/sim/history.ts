/** Gathers what all clients did and asks the checker, key by key. */
import { SimFailure } from './failure.js';
import { checkKey } from './linearizability.js';
import type { Operation } from './operations.js';

export class History {
  readonly operations: Operation[] = [];
  undecided = 0;
  nextProcess = 1;

  add(operation: Operation): Operation {
    this.operations.push(operation);
    return operation;
  }

  /** An operation that surely did not happen. */
  drop(operation: Operation): void {
    const at = this.operations.lastIndexOf(operation);
    if (at >= 0) this.operations.splice(at, 1);
  }

  check(): void {
    const byKey = new Map<string, Operation[]>();
    for (const operation of this.operations) {
      const list = byKey.get(operation.key);
      if (list === undefined) byKey.set(operation.key, [operation]);
      else list.push(operation);
    }
    for (const [key, operations] of byKey) this.checkKey(key, operations);
  }

  private checkKey(key: string, all: readonly Operation[]): void {
    // A read without an answer says nothing.
    const operations = all.filter(({ kind, return: end }) => kind !== 'read' || end !== null);
    const verdict = checkKey(operations);
    if (verdict === 'undecided') this.undecided++;
    if (verdict !== 'not linearizable') return;
    throw new SimFailure(
      'linearizability',
      `key ${key} has ${operations.length} operations that no order explains`,
      printHistory(operations),
    );
  }
}

/** One line per operation. */
function printHistory(operations: readonly Operation[]): string {
  return [...operations]
    .sort((a, b) => a.call - b.call)
    .map(({ call, return: end, process, kind, value, expected, result }) =>
      [
        call.toFixed(2).padStart(9),
        (end === null ? '?' : end.toFixed(2)).padStart(9),
        `p${process}`.padEnd(5),
        kind.padEnd(7),
        value,
        expected,
        end === null ? '' : `-> ${result}`,
      ].join(' '),
    )
    .join('\n');
}
