/** Small histories: some of a correct key, some of a key that lies now and then. Seeded. */
import type { Action, Operation, Text } from '../../jepsen-lite/history.js';
import { apply } from './brute-force.js';

type Random = (bound: number) => number;

/** Kinds of operations that are used together; the last is everything, errors of type included. */
const profiles: readonly (readonly Action['f'][])[] = [
  ['read', 'write'],
  ['read', 'write', 'cas'],
  ['read', 'write', 'cas', 'del', 'setnx', 'getset', 'getdel'],
  ['read', 'write', 'expire', 'getset'],
  ['append', 'lread'],
  ['append', 'lread', 'del'],
  ['append', 'append', 'lread', 'write', 'expire'],
  ['incr', 'read'],
  ['incr', 'read', 'del', 'write'],
  ['sappend', 'sappend', 'read'],
  ['sappend', 'sappend', 'read', 'write', 'del'],
  ['sappend', 'incr', 'read', 'getset', 'getdel'],
  [
    ...(['read', 'write', 'cas', 'del', 'incr', 'setnx', 'getset', 'getdel'] as const),
    ...(['append', 'lread', 'sappend', 'expire'] as const),
  ],
];

function ask(random: Random, f: Action['f'], at: number): Action {
  // Few values, so that they meet; often values of their own, as workloads use them.
  const value = random(2) === 0 ? String(random(3)) : `v${at}`;
  switch (f) {
    case 'cas':
      return { f, from: random(6) === 0 ? null : String(random(3)), value: String(random(3)) };
    case 'incr':
      return { f, delta: random(4) - 1 };
    case 'read':
    case 'del':
    case 'getdel':
    case 'lread':
      return { f };
    default:
      return { f, value };
  }
}

function lie(random: Random, f: Action['f'], reply: unknown): unknown {
  if (typeof reply === 'boolean') return !reply;
  if (f === 'del') return 1 - Number(reply);
  if (typeof reply === 'number') return reply + 1 - 2 * random(2);
  if (Array.isArray(reply)) return random(2) === 0 ? reply.slice(1) : [...reply].reverse();
  return random(3) === 0 ? null : String(random(3));
}

const silent: readonly Action['f'][] = ['write', 'sappend', 'expire'];

/** The action with a result that fits, or that does not where `lies`. */
function answered(random: Random, action: Action, reply: unknown, lies: boolean): Action {
  if (silent.includes(action.f)) return action;
  const isLength = action.f === 'append';
  if ((isLength || action.f === 'del') && random(4) === 0) return { ...action, result: null };
  const told = lies ? lie(random, action.f, reply) : reply;
  return { ...action, result: isLength ? Math.max(1, Number(told)) : told } as Action;
}

/** At most `countMax` operations of one key. */
export function randomHistory(random: Random, countMax: number) {
  const init: Text = random(4) === 0 ? String(random(2)) : null;
  const profile = profiles[random(profiles.length)]!;
  const [span, liar, lost] = [1 + random(8), random(5), random(2) * random(5)];
  const operations: Operation[] = [];
  let value: ReturnType<typeof apply> = { after: init, reply: null };
  const count = 2 + random(countMax - 1);
  for (let at = 0; at < count; at++) {
    const asked = ask(random, profile[random(profile.length)]!, at);
    const happens = random(10) >= lost;
    const effect = apply(asked, value.after);
    // An error shows the client that nothing happened.
    if (effect === null && happens) continue;
    if (effect !== null && (happens || random(2) === 0)) value = effect;
    const moment = 3 * at;
    const call = Math.max(0, moment - random(span));
    operations.push({
      ...{ line: at + 1, id: at, process: at, key: 'x', call },
      outcome: happens ? 'ok' : random(4) === 0 ? 'fail' : 'unknown',
      ret: happens ? moment + random(span) : Number.POSITIVE_INFINITY,
      action: happens ? answered(random, asked, effect!.reply, random(12) < liar) : asked,
    });
  }
  return { init, operations };
}
