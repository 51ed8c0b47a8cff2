/** The number of a database among the arguments of a command. */
import type { Args } from '../../resp/args.js';
import type { ApplyContext } from '../command-spec.js';
import { DATABASES_MAX } from '../databases.js';
import { parseInt64 } from '../numbers.js';
import { notAnInteger } from './spec-helpers.js';

const beyondInt32 = 'ERR value is out of range, value must between -2147483648 and 2147483647';
export const outOfRange = 'ERR DB index is out of range';
export const sameObject = 'ERR source and destination objects are the same';

/** An error text where argument `index` is no number of 32 bits. */
export function checkDatabase(args: Args, index: number): string | null {
  const database = parseInt64(args.bytes, args.start(index), args.end(index));
  if (database === null) return notAnInteger;
  return database < -(2 ** 31) || database >= 2 ** 31 ? beyondInt32 : null;
}

/** An error text where argument `index`, a number, names a database that nobody has. */
export function checkRange(args: Args, index: number): string | null {
  const database = Number(parseInt64(args.bytes, args.start(index), args.end(index)));
  return database < 0 || database >= DATABASES_MAX ? outOfRange : null;
}

/** The database in argument `index`, which is a number, or -1 where there is none such. */
export function databaseAt(context: ApplyContext, args: Args, index: number): number {
  const database = Number(parseInt64(args.bytes, args.start(index), args.end(index)));
  return database >= 0 && database < context.databaseCount ? database : -1;
}
