/**
 * The core's own assertion. The core imports nothing, so it cannot throw the project's error
 * type; the driver turns whatever is thrown here into INVARIANT and stops the node.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`INVARIANT: ${message}`);
}
