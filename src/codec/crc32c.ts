/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78), eight bytes a step. Guards what LevelDB
 * does not: it opens with checksums unchecked (FACTS).
 */

/** The function with its tables; make one per process. */
export function makeCrc32c(): (
  bytes: Uint8Array,
  start: number,
  end: number,
  seed?: number,
) => number {
  const tables = buildTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  return (bytes, start, end, seed = 0) => {
    let crc = ~seed;
    let at = start;
    for (const stop = end - 7; at < stop; at += 8) {
      crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      crc =
        t7[crc & 255]! ^
        t6[(crc >>> 8) & 255]! ^
        t5[(crc >>> 16) & 255]! ^
        t4[crc >>> 24]! ^
        t3[bytes[at + 4]!]! ^
        t2[bytes[at + 5]!]! ^
        t1[bytes[at + 6]!]! ^
        t0[bytes[at + 7]!]!;
    }
    for (; at < end; at++) crc = t0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
    return ~crc >>> 0;
  };
}

function buildTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    first[byte] = crc;
  }
  const tables = [first];
  for (let table = 1; table < 8; table++) {
    const previous = tables[table - 1]!;
    tables.push(previous.map((crc) => first[crc & 255]! ^ (crc >>> 8)));
  }
  return tables;
}

export const crc32c = makeCrc32c();
