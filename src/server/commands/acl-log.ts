/** ACL LOG: what was denied, newest first. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { AclLogEntry } from '../acl/acl-log.js';
import { wrongSubcommand } from '../gates.js';
import type { ServerContext } from '../server-context.js';

/** Redis shows so many unless told. */
const shownEntries = 10;

export function aclLog(context: ServerContext, args: Args, reply: ReplySink): void {
  const { log } = context.acl();
  if (args.count > 3) return reply.error(wrongSubcommand('acl', args));
  if (args.count === 3 && args.is(2, 'RESET')) {
    log.clear();
    return reply.ok();
  }
  const count = args.count === 3 ? args.text(2) : String(shownEntries);
  if (!/^-?\d{1,15}$/.test(count)) {
    return reply.error('ERR value is not an integer or out of range');
  }
  const now = context.clock.wallMs();
  const entries = log.newest(Math.max(0, Number(count)));
  reply.array(entries.length);
  for (const entry of entries) describe(entry, now, reply);
}

function describe(entry: AclLogEntry, nowMs: number, reply: ReplySink): void {
  const texts: readonly [string, string][] = [
    ['reason', entry.reason],
    ['context', entry.context],
    ['object', entry.object],
    ['username', entry.userName],
  ];
  reply.map(10);
  number('count', entry.count, reply);
  for (const [name, text] of texts) {
    reply.text(name);
    reply.text(text);
  }
  reply.text('age-seconds');
  reply.double(Math.max(0, nowMs - entry.updatedMs) / 1000);
  reply.text('client-info');
  reply.text(entry.client);
  number('entry-id', entry.id, reply);
  number('timestamp-created', entry.createdMs, reply);
  number('timestamp-last-updated', entry.updatedMs, reply);
}

function number(name: string, value: number, reply: ReplySink): void {
  reply.text(name);
  reply.integer(value);
}
