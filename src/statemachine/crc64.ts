/** CRC-64 as Redis' RDB files have it: Jones' polynomial, reflected, from zero. */

const polynomialLow = 0xac4bc9b5;
const polynomialHigh = 0x95ac9329;
const tableLow = new Uint32Array(256);
const tableHigh = new Uint32Array(256);

for (let byte = 0; byte < 256; byte++) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const odd = (low & 1) === 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (!odd) continue;
    low ^= polynomialLow;
    high ^= polynomialHigh;
  }
  tableLow[byte] = low;
  tableHigh[byte] = high;
}

/** Eight bytes, the lowest first. */
export function crc64(bytes: Uint8Array, start: number, end: number): Uint8Array {
  let low = 0;
  let high = 0;
  for (let at = start; at < end; at++) {
    const index = (low ^ bytes[at]!) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ tableLow[index]!;
    high = (high >>> 8) ^ tableHigh[index]!;
  }
  const sum = new Uint8Array(8);
  const view = new DataView(sum.buffer);
  view.setUint32(0, low >>> 0, true);
  view.setUint32(4, high >>> 0, true);
  return sum;
}
