/** What clients hear of operations that were waiting when leadership went. */
import type { Origin } from '../server/group.js';

/** Logged and not settled; never logged; a read. */
export type LostKind = 'unknown' | 'unlogged' | 'read';

const texts: Readonly<Record<LostKind, string>> = {
  unknown:
    'UNCERTAIN leadership was lost after the command was logged; it may or may not take effect',
  unlogged: 'TRYAGAIN leadership changed before the command was logged',
  read: 'TRYAGAIN leadership changed before the read could be confirmed',
};

/** As on the wire: for a batch of which nothing was logged. */
export const unloggedReply = Buffer.from(`-${texts.unlogged}\r\n`);

export function answerLost(origin: Origin, kind: LostKind): void {
  origin.pending--;
  origin.reply.error(texts[kind]);
  origin.answered();
}
