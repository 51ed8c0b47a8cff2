/** TGCACHE MEMBER and TGCACHE TRANSFER-LEADER: who belongs to the cluster, and who leads it. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { refusalText } from '../gates.js';
import type { Refusal } from '../group.js';
import { type LocalSpec, local, type Outcome } from '../local-spec.js';
import type { MemberOutcome, MemberRow } from '../membership.js';
import type { ServerContext } from '../server-context.js';

const admin = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi'],
  since: '7.2.4',
} as const;
const keyless = { keys: { first: 0, last: 0, step: 0 } };
const syntax = '<LIST | ADD node-id address [LEARNER] | PROMOTE node-id | REMOVE node-id>';

export function memberCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'member',
      -3,
      { ...admin, summary: 'Lists or changes the members of the cluster.', syntax },
      (connection, args, reply) => member(context, connection, args, reply),
    ),
    local(
      'transfer-leader',
      -2,
      { ...admin, summary: 'Lets another node lead.', syntax: '[node-id]' },
      (connection, args, reply) => transfer(context, connection, args, reply),
    ),
  ];
}

function member(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  const { membership } = context;
  const [what, id, address] = [args.text(2).toLowerCase(), word(args, 3), word(args, 4)];
  if (what === 'list' && args.count === 3) return list(context, connection, args, reply);
  const learner = args.count === 6 && args.is(5, 'LEARNER');
  if (what === 'add' && (args.count === 5 || learner)) {
    return answer(context, connection, args, membership.add(id, address, learner));
  }
  if (what === 'promote' && args.count === 4) {
    return answer(context, connection, args, membership.promote(id));
  }
  if (what === 'remove' && args.count === 4) {
    return answer(context, connection, args, membership.remove(id));
  }
  return reply.error('ERR syntax error. Try TGCACHE HELP.');
}

function word(args: Args, index: number): string {
  return index < args.count ? args.text(index) : '';
}

function transfer(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  if (args.count > 3) return reply.error('ERR syntax error. Try TGCACHE HELP.');
  const to = args.count === 3 ? args.text(2) : null;
  return answer(context, connection, args, context.membership.transferLeadership(to));
}

/** After READONLY also on a node that does not lead. */
function list(context: ServerContext, connection: Connection, args: Args, reply: ReplySink): void {
  const rows = context.membership.list(connection.stale);
  if (typeof rows === 'string') return refuse(context, rows, args, reply);
  reply.array(rows.length);
  for (const row of rows) writeRow(row, reply);
}

function writeRow(row: MemberRow, reply: ReplySink): void {
  const fields: [string, string][] = [
    ['id', row.id],
    ['role', row.role],
    ['promotion', row.role === 'learner' ? (row.staysLearner ? 'manual' : 'automatic') : ''],
    ['peer-address', row.peerAddress],
    ['client-address', row.clientAddress ?? ''],
    ['connected', row.connected ? 'yes' : 'no'],
    ['lag', row.lag === null ? '' : String(row.lag)],
  ];
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.text(name);
    reply.text(value);
  }
}

async function answer(
  context: ServerContext,
  connection: Connection,
  args: Args,
  outcome: Promise<MemberOutcome>,
): Promise<void> {
  const result = await outcome;
  const { reply } = connection;
  if (result.kind === 'error') reply.error(result.text);
  else if (result.kind === 'refused') refuse(context, result.refusal, args, reply);
  // A note may name what the client sent, whose line ends would end the reply.
  else reply.simple(`OK ${result.note}`.trimEnd().replace(/[\r\n]/g, ' '));
}

function refuse(context: ServerContext, refusal: Refusal, args: Args, reply: ReplySink): void {
  reply.error(refusalText(refusal, context.group, keyless, args));
}
