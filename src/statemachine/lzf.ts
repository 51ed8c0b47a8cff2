/** Reads LZF, the compression of long strings in Redis' RDB files. */

const literalsMax = 32;
/** Three bytes stand for at most 264. */
const growthMax = 88;

/** Exactly `length` bytes, or null when the input is damaged. */
export function unpackLzf(input: Uint8Array, length: number): Uint8Array | null {
  if (length > input.length * growthMax) return null;
  const output = new Uint8Array(length);
  let to = 0;
  for (let at = 0; at < input.length; ) {
    const control = input[at++]!;
    if (control < literalsMax) {
      const end = at + control + 1;
      if (end > input.length || to + control + 1 > length) return null;
      output.set(input.subarray(at, end), to);
      to += control + 1;
      at = end;
      continue;
    }
    let size = (control >> 5) + 2;
    if (size === 9) size += input[at++] ?? 0;
    const low = input[at++];
    if (low === undefined) return null;
    let from = to - ((control & 31) << 8) - low - 1;
    if (from < 0 || to + size > length) return null;
    // One by one: a run may repeat what it has just written.
    for (let left = size; left > 0; left--) output[to++] = output[from++]!;
  }
  return to === length ? output : null;
}
