import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TgError } from '../../src/errors.js';
import { cutFrames, FrameReader, frameHeaderBytes, frameType } from '../../src/transport/frame.js';
import { generator } from './peer-fixtures.js';

type Frame = readonly [type: number, payload: Buffer];

function bytesOf(type: number, payload: Uint8Array, frameBytesMax = 1 << 20): Buffer {
  return Buffer.concat([...cutFrames(type, [payload], frameBytesMax)].flat());
}

function reading(frameBytesMax = 1 << 20, messageBytesMax = 1 << 24) {
  const frames: Frame[] = [];
  const onFrame = (type: number, payload: Uint8Array) => {
    frames.push([type, Buffer.from(payload)]);
  };
  return { reader: new FrameReader({ frameBytesMax, messageBytesMax, onFrame }), frames };
}

/** Pushes `bytes` cut at every length that `cut` gives. */
function pushCut(reader: FrameReader, bytes: Buffer, cut: () => number): void {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + Math.max(1, cut()));
    reader.push(bytes.subarray(at, end));
    at = end;
  }
}

const someFrames = fc.array(
  fc.tuple(fc.constantFrom(...Object.values(frameType)), fc.uint8Array({ maxLength: 300 })),
  { maxLength: 8 },
);

describe('frames', () => {
  it('come back whole however they were cut and joined', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
    const run = (sent: [number, Uint8Array][], lengths: number[], frameBytesMax: number) => {
      const { reader, frames } = reading();
      const bytes = sent.map(([type, payload]) => bytesOf(type, payload, frameBytesMax));
      let i = 0;
      pushCut(reader, Buffer.concat(bytes), () => lengths[i++ % lengths.length]!);
      expect(frames).toEqual(sent.map(([type, payload]) => [type, Buffer.from(payload)]));
    };
    fc.assert(fc.property(someFrames, cuts, fc.integer({ min: 1, max: 400 }), run), { seed: 1 });
  });

  it('requirement 26: never deliver anything wrong after damage of one byte', () => {
    const byte = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
    const run = (sent: [number, Uint8Array][], [place, flip]: [number, number]) => {
      const bytes = Buffer.concat(sent.map(([type, payload]) => bytesOf(type, payload, 64)));
      if (bytes.length === 0) return;
      const at = place % bytes.length;
      bytes[at] = bytes[at]! ^ flip;
      const { reader, frames } = reading();
      // A longer length may only make the reader wait for bytes that never come.
      expect(protocolError(() => reader.push(bytes)) || frames.length < sent.length).toBe(true);
      expect(frames).toEqual(sent.slice(0, frames.length).map(([t, p]) => [t, Buffer.from(p)]));
    };
    fc.assert(fc.property(someFrames, byte, run), { seed: 2, numRuns: 500 });
  });

  it('requirement 26: refuse random bytes or wait, and throw nothing but PROTOCOL', () => {
    const run = (bytes: Uint8Array) => {
      const { reader, frames } = reading();
      protocolError(() => reader.push(bytes));
      expect(frames).toEqual([]);
    };
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), run), { seed: 3 });
  });

  it('are copied into memory of their size, as the buffer they came in is used again', () => {
    const sent = bytesOf(frameType.messages, generatorBytes(100_000));
    const frames: Uint8Array[] = [];
    const onFrame = (_: number, payload: Uint8Array) => frames.push(payload);
    const reader = new FrameReader({ frameBytesMax: 1 << 20, messageBytesMax: 1 << 20, onFrame });
    const buffer = Buffer.alloc(64 * 1024);
    for (let at = 0; at < sent.length; at += buffer.length) {
      reader.push(buffer.subarray(0, sent.copy(buffer, 0, at)));
    }
    buffer.fill(0);
    expect(frames.map((frame) => [frame.length, frame.buffer.byteLength])).toEqual([
      [100_000, 100_000],
    ]);
    expect(sent.subarray(frameHeaderBytes).equals(frames[0]!)).toBe(true);
  });

  it.each([
    ['above a block', 3 << 20, 1 << 22],
    ['of a block', 1 << 20, 1 << 22],
    ['of many frames', 3 << 20, 1 << 19],
    ['of many small frames', 100_000, 1000],
  ])('come back whole: one %s', (_, bytes, frameBytesMax) => {
    const { reader, frames } = reading(1 << 22, 1 << 24);
    const payload = generatorBytes(bytes);
    const random = generator(7);
    pushCut(reader, bytesOf(frameType.bulk, payload, frameBytesMax), () => random(200_000));
    expect(frames.map(([type]) => type)).toEqual([frameType.bulk]);
    expect(frames[0]![1].equals(payload)).toBe(true);
  });

  it('of other types may come between those of a large payload', () => {
    const { reader, frames } = reading();
    const large = [...cutFrames(frameType.bulk, [Buffer.from('large')], 2)].map((f) =>
      Buffer.concat(f),
    );
    const small = bytesOf(frameType.messages, Buffer.from('small'));
    reader.push(Buffer.concat([large[0]!, small, large[1]!, small, large[2]!]));
    expect(frames.map(([type, payload]) => [type, payload.toString()])).toEqual([
      [frameType.messages, 'small'],
      [frameType.messages, 'small'],
      [frameType.bulk, 'large'],
    ]);
  });

  it('do not copy parts when they are cut', () => {
    const part = Buffer.alloc(100);
    const cut = [...cutFrames(frameType.messages, [part, part], 60)];
    expect(cut.map((frame) => frame.slice(1).map(({ length }) => length))).toEqual([
      [60],
      [40, 20],
      [60],
      [20],
    ]);
    expect(cut.every((frame) => frame[1]!.buffer === part.buffer)).toBe(true);
  });

  const header = (bytes: number, type: number, version = 2) => {
    const out = Buffer.alloc(frameHeaderBytes);
    out.writeUInt32BE(bytes, 0);
    out[4] = type;
    out[5] = version;
    return out;
  };
  it.each([
    ['oversize, from the header alone', [header(1001, frameType.messages)]],
    ['an unknown type', [header(1, 100)]],
    ['type zero', [header(1, 0)]],
    ['another version', [header(1, frameType.messages, 1)]],
    ['empty and continuing', [header(0, frameType.messages | 0x80)]],
    ['a second payload in several frames', [cutOff(frameType.bulk, 1500), cutOff(3, 1500)]],
    ['a message above the limit', [bytesOf(frameType.messages, Buffer.alloc(2001), 1000)]],
  ])('refuse %s', (_, chunks) => {
    const { reader, frames } = reading(1000, 2000);
    expect(protocolError(() => reader.push(Buffer.concat(chunks)))).toBe(true);
    expect(frames).toEqual([]);
  });

  it('cost linear time and memory near the bytes received, in small chunks', () => {
    const payload = Buffer.alloc(4 << 20, 3);
    const random = generator(5);
    const { reader, frames } = reading();
    const start = performance.now();
    pushCut(reader, bytesOf(frameType.messages, payload, 1 << 19), () => 1 + random(64));
    expect(performance.now() - start).toBeLessThan(5000);
    expect(frames[0]![1].equals(payload)).toBe(true);
  });
});

function generatorBytes(bytes: number): Buffer {
  const random = generator(11);
  return Buffer.from(Uint8Array.from({ length: bytes }, () => random(256)));
}

/** The first frame of a payload that continues. */
function cutOff(type: number, bytes: number): Buffer {
  return Buffer.concat([...cutFrames(type, [Buffer.alloc(bytes)], 1000)][0]!);
}

function protocolError(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof TgError && error.code === 'PROTOCOL') return true;
    throw error;
  }
}
