/** A client that does nothing but read and write: no session, no tracking, linearizable reads. */
import { ReplyBuffer } from '../../src/resp/reply-buffer.js';
import type { Origin } from '../../src/server/group.js';

export type PlainOrigin = Origin & { readonly reply: ReplyBuffer };

/** `answered` is told after each reply. */
export function plainOrigin(answered: () => void = () => {}): PlainOrigin {
  return {
    reply: new ReplyBuffer(),
    pending: 0,
    lastWrite: 0,
    database: 0,
    seenIndex: 0,
    protocol: 2,
    tracker: null,
    stale: false,
    answered,
  };
}
