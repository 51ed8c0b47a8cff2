/**
 * Whether two servers gave the same reply: byte for byte, except for what may differ between two
 * correct servers (order of KEYS, a random key, the present) and the exceptions named here.
 */
import type { Command, Reply } from './resp-pipe.js';

/** Exception: deadlines are held to this one (year 37648), as the timing wheel counts so far. */
const dueMaxMs = 2 ** 50 - 1;
/** Two servers do not read their clocks at one moment. */
const skewMs = 2500;

const timeReplies: Readonly<Record<string, { unitMs: number; absolute: boolean }>> = {
  ttl: { unitMs: 1000, absolute: false },
  pttl: { unitMs: 1, absolute: false },
  expiretime: { unitMs: 1000, absolute: true },
  pexpiretime: { unitMs: 1, absolute: true },
};

/** Follows the transaction of one connection, so that the elements of EXEC find their commands. */
export class ReplyComparison {
  private queued: Command[] = [];

  /** True when `ours` is as good as `theirs`. To be asked for every command, in order. */
  matches(command: Command, theirs: Reply, ours: Reply): boolean {
    const name = command[0]!.toLowerCase();
    const { queued } = this;
    if (theirs.raw === '+QUEUED\r\n') queued.push(command);
    else if (name === 'multi' && theirs.raw === '+OK\r\n') this.queued = [];
    if (name !== 'exec' || theirs.elements === null || ours.elements === null) {
      return sameReply(command, theirs, ours);
    }
    const own = ours.elements;
    return (
      theirs.elements.length === own.length &&
      theirs.elements.every((element, at) => sameReply(queued[at]!, element, own[at]!))
    );
  }
}

function sameReply(command: Command, theirs: Reply, ours: Reply): boolean {
  if (theirs.raw === ours.raw) return true;
  const name = command[0]!.toLowerCase();
  if (timeReplies[name] !== undefined) return sameTime(name, theirs.raw, ours.raw);
  if (name === 'keys') return sameSet(theirs, ours);
  if (name === 'randomkey') return theirs.raw[0] === '$' && ours.raw[0] === '$';
  return name === 'scan' && sameScan(command, theirs, ours);
}

function sameTime(name: string, theirs: string, ours: string): boolean {
  const [a, b] = [theirs, ours].map((raw) => (raw[0] === ':' ? Number(raw.slice(1)) : Number.NaN));
  if (!(a! >= 0 && b! >= 0)) return false;
  const { unitMs, absolute } = timeReplies[name]!;
  const latest = absolute ? dueMaxMs : dueMaxMs - Date.now();
  return Math.abs(Math.min(a! * unitMs, latest) - Math.min(b! * unitMs, latest)) <= skewMs;
}

function sameSet(theirs: Reply, ours: Reply): boolean {
  if (theirs.elements === null || ours.elements === null) return false;
  const sorted = (reply: Reply) => reply.elements!.map(({ raw }) => raw).sort();
  return sorted(theirs).join('') === sorted(ours).join('');
}

/** One reply holds all keys, unless the first of several COUNTs is the last one. */
function sameScan(command: Command, theirs: Reply, ours: Reply): boolean {
  if (theirs.elements === null || ours.elements === null) return false;
  if (!command.includes('5000')) return ours.elements.length === 2;
  const [a, b] = [theirs.elements, ours.elements];
  return a[0]!.raw === b[0]!.raw && sameSet(a[1]!, b[1]!);
}
