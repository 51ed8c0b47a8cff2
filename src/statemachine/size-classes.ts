/**
 * Sizes of blocks: multiples of 8 bytes up to 128, then eight classes per doubling up to 256 KiB.
 * A block is never more than an eighth larger than what was asked for, or 7 bytes.
 */
import { assert } from '../errors.js';
import { SIZE_CLASSES } from './header.js';

/** Longer entries get a buffer of their own. */
export const BLOCK_BYTES_MAX = 256 * 1024;

/** `length` from 0 to BLOCK_BYTES_MAX. */
export function sizeClassOf(length: number): number {
  if (length <= 128) return length <= 8 ? 0 : ((length + 7) >>> 3) - 1;
  const exponent = 31 - Math.clz32(length - 1);
  return (exponent - 7) * 8 + ((length - 1) >>> (exponent - 3)) + 8;
}

/** Bytes of a block. */
export function classBytes(sizeClass: number): number {
  if (sizeClass < 16) return (sizeClass + 1) * 8;
  const step = (sizeClass - 16) >>> 3;
  return (((sizeClass - 16) & 7) + 9) << (step + 4);
}

assert(sizeClassOf(BLOCK_BYTES_MAX) === SIZE_CLASSES - 1, 'classes end at the largest block');
