/**
 * Comparing and copying byte ranges. Short ones byte by byte: making a view of an array costs more
 * than a hundred steps of a loop.
 */
const LOOP_BYTES_MAX = 128;

/** Compares `length` bytes. */
export function equalBytes(
  left: Uint8Array,
  leftStart: number,
  right: Uint8Array,
  rightStart: number,
  length: number,
): boolean {
  for (let at = 0; at < length; at++) {
    if (left[leftStart + at] !== right[rightStart + at]) return false;
  }
  return true;
}

/** The ranges may not overlap unless `target` starts lower. */
export function copyBytes(
  target: Uint8Array,
  targetStart: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start > LOOP_BYTES_MAX) {
    target.set(source.subarray(start, end), targetStart);
    return;
  }
  const shift = targetStart - start;
  for (let at = start; at < end; at++) target[at + shift] = source[at]!;
}
