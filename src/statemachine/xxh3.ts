/**
 * XXH3 with 64 bits, no seed and the default secret (xxHash: doc/xxhash_spec.md): what Redis'
 * DIGEST gives. Short inputs in 64-bit integers; the stripes of long ones in halves of 32 bits,
 * where BigInts would hold up the node.
 */

const secretHex =
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
  'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
  'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
  '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e';
const secret = Uint8Array.from(secretHex.match(/../g)!, (byte) => Number.parseInt(byte, 16));

const prime32 = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d] as const;
const prime64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const mixer1 = 0x165667919e3779f9n;
const mixer2 = 0x9fb21c651e98df25n;
const mask64 = 2n ** 64n - 1n;
const stripeBytes = 64;
const stripesPerBlock = 16;

/** Numbers of the input or the secret, little endian. */
class Words {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  u64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }
}

const key = new Words(secret);

/** Unsigned 64 bits. */
export function xxh3(bytes: Uint8Array): bigint {
  const input = new Words(bytes);
  const { length } = bytes;
  if (length <= 16) return hashShort(input, length);
  if (length <= 240) return hashMedium(input, length);
  return hashLong(input, length);
}

function rotateLeft(value: bigint, bits: number): bigint {
  return BigInt.asUintN(64, value << BigInt(bits)) | (value >> BigInt(64 - bits));
}

function foldedProduct(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & mask64) ^ (product >> 64n);
}

function avalanche(value: bigint): bigint {
  const mixed = BigInt.asUintN(64, (value ^ (value >> 37n)) * mixer1);
  return mixed ^ (mixed >> 32n);
}

function avalancheXxh64(value: bigint): bigint {
  let mixed = BigInt.asUintN(64, (value ^ (value >> 33n)) * prime64[1]);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 29n)) * prime64[2]);
  return mixed ^ (mixed >> 32n);
}

function hashShort(input: Words, length: number): bigint {
  if (length > 8) return hash9To16(input, length);
  if (length >= 4) return hash4To8(input, length);
  if (length === 0) return avalancheXxh64(key.u64(56) ^ key.u64(64));
  const { bytes } = input;
  const first = bytes[0]!;
  const middle = bytes[length >> 1]!;
  const combined = (first << 16) | (middle << 24) | bytes[length - 1]! | (length << 8);
  return avalancheXxh64(BigInt((combined ^ key.u32(0) ^ key.u32(4)) >>> 0));
}

function hash4To8(input: Words, length: number): bigint {
  const joined = BigInt(input.u32(length - 4)) + (BigInt(input.u32(0)) << 32n);
  const mixed = joined ^ key.u64(8) ^ key.u64(16);
  let value = mixed ^ rotateLeft(mixed, 49) ^ rotateLeft(mixed, 24);
  value = BigInt.asUintN(64, value * mixer2);
  value ^= (value >> 35n) + BigInt(length);
  value = BigInt.asUintN(64, value * mixer2);
  return value ^ (value >> 28n);
}

function hash9To16(input: Words, length: number): bigint {
  const low = input.u64(0) ^ key.u64(24) ^ key.u64(32);
  const high = input.u64(length - 8) ^ key.u64(40) ^ key.u64(48);
  const sum = BigInt(length) + swapBytes(low) + high + foldedProduct(low, high);
  return avalanche(BigInt.asUintN(64, sum));
}

function swapBytes(value: bigint): bigint {
  let swapped = 0n;
  for (let left = value, at = 0; at < 8; at++, left >>= 8n)
    swapped = (swapped << 8n) | (left & 255n);
  return swapped;
}

/** Sixteen bytes of the input with sixteen of the secret. */
function mix16(input: Words, at: number, keyAt: number): bigint {
  return foldedProduct(input.u64(at) ^ key.u64(keyAt), input.u64(at + 8) ^ key.u64(keyAt + 8));
}

function hashMedium(input: Words, length: number): bigint {
  let sum = BigInt(length) * prime64[0];
  if (length <= 128) {
    for (let pair = Math.ceil(length / 32) - 1; pair >= 0; pair--) {
      sum += mix16(input, pair * 16, pair * 32);
      sum += mix16(input, length - (pair + 1) * 16, pair * 32 + 16);
    }
    return avalanche(BigInt.asUintN(64, sum));
  }
  for (let part = 0; part < 8; part++) sum += mix16(input, part * 16, part * 16);
  sum = avalanche(BigInt.asUintN(64, sum));
  for (let part = 8; part < length >> 4; part++) sum += mix16(input, part * 16, part * 16 - 125);
  sum += mix16(input, length - 16, 119);
  return avalanche(BigInt.asUintN(64, sum));
}

/** Eight 64-bit numbers, each as low and high half. */
class Accumulator {
  private readonly low = new Uint32Array(8);
  private readonly high = new Uint32Array(8);

  constructor() {
    const start = [prime32[2], ...prime64.slice(0, 4), prime32[1], prime64[4], prime32[0]];
    for (const [lane, value] of start.entries()) this.set(lane, BigInt(value));
  }

  private set(lane: number, value: bigint): void {
    this.low[lane] = Number(value & 0xffffffffn);
    this.high[lane] = Number(value >> 32n);
  }

  get(lane: number): bigint {
    return (BigInt(this.high[lane]!) << 32n) | BigInt(this.low[lane]!);
  }

  stripe(input: Words, at: number, keyAt: number): void {
    for (let lane = 0; lane < 8; lane++) {
      const low = input.u32(at + lane * 8);
      const high = input.u32(at + lane * 8 + 4);
      this.add(lane ^ 1, low, high);
      this.addProduct(
        lane,
        (low ^ key.u32(keyAt + lane * 8)) >>> 0,
        (high ^ key.u32(keyAt + lane * 8 + 4)) >>> 0,
      );
    }
  }

  private add(lane: number, low: number, high: number): void {
    const sum = this.low[lane]! + low;
    this.low[lane] = sum;
    this.high[lane] = this.high[lane]! + high + (sum > 0xffffffff ? 1 : 0);
  }

  private addProduct(lane: number, a: number, b: number): void {
    const lowParts = (a & 0xffff) * (b & 0xffff);
    const cross = (a >>> 16) * (b & 0xffff) + (lowParts >>> 16);
    const other = (a & 0xffff) * (b >>> 16) + (cross & 0xffff);
    const high = (a >>> 16) * (b >>> 16) + (cross >>> 16) + (other >>> 16);
    this.add(lane, Math.imul(a, b) >>> 0, high);
  }

  /** At the end of a block. */
  scramble(): void {
    for (let lane = 0; lane < 8; lane++) {
      const value = this.get(lane);
      const mixed = value ^ (value >> 47n) ^ key.u64(secret.length - stripeBytes + lane * 8);
      this.set(lane, BigInt.asUintN(64, mixed * BigInt(prime32[0])));
    }
  }

  merged(length: number): bigint {
    let sum = BigInt(length) * prime64[0];
    for (let pair = 0; pair < 4; pair++) {
      const first = this.get(pair * 2) ^ key.u64(11 + pair * 16);
      sum += foldedProduct(first, this.get(pair * 2 + 1) ^ key.u64(19 + pair * 16));
    }
    return avalanche(BigInt.asUintN(64, sum));
  }
}

function hashLong(input: Words, length: number): bigint {
  const accumulator = new Accumulator();
  const stripes = Math.floor((length - 1) / stripeBytes);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const inBlock = stripe % stripesPerBlock;
    accumulator.stripe(input, stripe * stripeBytes, inBlock * 8);
    if (inBlock === stripesPerBlock - 1) accumulator.scramble();
  }
  accumulator.stripe(input, length - stripeBytes, secret.length - stripeBytes - 7);
  return accumulator.merged(length);
}

/** Sixteen lower-case digits. */
export function xxh3Hex(bytes: Uint8Array): string {
  return xxh3(bytes).toString(16).padStart(16, '0');
}
