/** SLOWLOG: the commands whose execution at this node took longest. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

const shared = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'loading', 'stale'],
  since: '2.2.12',
} as const;
const defaultCount = 10;

export function slowLogCommands(context: ServerContext): LocalSpec[] {
  const { slowLog } = context;
  return [
    container('slowlog', { ...shared, summary: 'A container for slow log commands.' }, [
      local(
        'get',
        -2,
        {
          ...shared,
          complexity: 'O(N) where N is the number of entries returned',
          summary: "Returns the slow log's entries.",
          syntax: '[count]',
        },
        (_connection, args, reply) => get(context, args, reply),
      ),
      local(
        'len',
        2,
        { ...shared, summary: 'Returns the number of entries in the slow log.' },
        (_connection, _args, reply) => reply.integer(slowLog.length),
      ),
      local(
        'reset',
        2,
        { ...shared, summary: 'Clears all entries from the slow log.' },
        (_connection, _args, reply) => {
          slowLog.reset();
          reply.ok();
        },
      ),
    ]),
  ];
}

function get({ slowLog }: ServerContext, args: Args, reply: ReplySink): void {
  if (args.count > 3) {
    return reply.error(
      `ERR unknown subcommand or wrong number of arguments for '${args.text(1)}'. ` +
        'Try SLOWLOG HELP.',
    );
  }
  let count = defaultCount;
  if (args.count === 3) {
    const text = args.text(2);
    if (!/^-?\d{1,15}$/.test(text) || Number(text) < -1) {
      return reply.error('ERR count should be greater than or equal to -1');
    }
    count = text === '-1' ? slowLog.length : Number(text);
  }
  const entries = slowLog.newest(count);
  reply.array(entries.length);
  for (const entry of entries) {
    reply.array(6);
    reply.integer(entry.id);
    reply.integer(entry.atSeconds);
    reply.integer(entry.microseconds);
    reply.array(entry.args.length);
    for (const text of entry.args) reply.text(text);
    reply.text(entry.address);
    reply.text(entry.clientName);
  }
}
