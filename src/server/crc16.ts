/** Redis Cluster's hash slot of a key: CRC16 (XMODEM) of it, or of its hash tag, modulo 16384. */

const table = buildTable();

function buildTable(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    return crc & 0xffff;
  });
}

export function slotOf(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  let to = end;
  const open = bytes.indexOf(123, start);
  if (open >= 0 && open < end) {
    const close = bytes.indexOf(125, open + 1);
    if (close > open + 1 && close < end) {
      from = open + 1;
      to = close;
    }
  }
  let crc = 0;
  for (let at = from; at < to; at++) {
    crc = ((crc << 8) & 0xffff) ^ table[((crc >> 8) ^ bytes[at]!) & 255]!;
  }
  return crc & 16383;
}
