/** Expire times: what EX, PX, EXAT, PXAT and the EXPIRE family mean in unix ms. */
import type { Args } from '../../resp/args.js';
import type { ApplyContext } from '../command-spec.js';
import { parseInt64 } from '../numbers.js';
import { notAnInteger, removeKey } from './spec-helpers.js';

export type ExpireUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT';

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
/** Later deadlines are held to this one, in the year 287396: numbers are exact up to it. */
const dueMax = Number.MAX_SAFE_INTEGER;

export function isAbsolute(unit: ExpireUnit): boolean {
  return unit === 'EXAT' || unit === 'PXAT';
}

function inSeconds(unit: ExpireUnit): boolean {
  return unit === 'EX' || unit === 'EXAT';
}

/** An error text or null; `least` 1 where a past time makes no sense (SET, SETEX, GETEX). */
export function checkExpire(
  args: Args,
  index: number,
  unit: ExpireUnit,
  command: string,
  positive: boolean,
): string | null {
  const value = parseInt64(args.bytes, args.start(index), args.end(index));
  if (value === null) return notAnInteger;
  const invalid = `ERR invalid expire time in '${command}' command`;
  if (positive && value <= 0) return invalid;
  const ms = BigInt(value) * (inSeconds(unit) ? 1000n : 1n);
  // A relative time must leave room for the present; its exact size is no matter here.
  const room = isAbsolute(unit) ? 0n : 2n ** 42n;
  return ms > int64Max - room || ms < int64Min ? invalid : null;
}

/** Unix ms; at or before nowMs means already expired. checkExpire has passed. */
export function dueOf(args: Args, index: number, unit: ExpireUnit, nowMs: number): number {
  const value = Number(parseInt64(args.bytes, args.start(index), args.end(index)));
  const ms = inSeconds(unit) ? value * 1000 : value;
  const due = isAbsolute(unit) ? ms : nowMs + ms;
  return Math.max(-dueMax, Math.min(dueMax, due));
}

/** Gives the key in argument 1 a deadline, and tells of it; one that has passed deletes the key. */
export function expireAt(context: ApplyContext, args: Args, slot: number, dueMs: number): void {
  if (dueMs <= context.nowMs) return removeKey(context, args, 1, slot);
  context.setDue(slot, dueMs);
  context.notify('g', 'expire', args, 1);
}

/** Takes the deadline of the key in argument 1 away, and tells of it. */
export function persistKey(context: ApplyContext, args: Args, slot: number): void {
  context.setDue(slot, 0);
  context.notify('g', 'persist', args, 1);
}

export function unitAt(args: Args, index: number): ExpireUnit | null {
  if (args.is(index, 'EX')) return 'EX';
  if (args.is(index, 'PX')) return 'PX';
  if (args.is(index, 'EXAT')) return 'EXAT';
  return args.is(index, 'PXAT') ? 'PXAT' : null;
}
