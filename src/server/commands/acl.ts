/** ACL and its sub-commands: users and what they may do (src/server/acl). */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { fullName } from '../../statemachine/command-spec.js';
import { noKeys } from '../../statemachine/commands/spec-helpers.js';
import type { AclOutcome } from '../acl/acl-changes.js';
import { aclCategories, categoryOf } from '../acl/acl-commands.js';
import { hasSpaces } from '../acl/acl-fault.js';
import { dryRunText } from '../acl/denials.js';
import { randomPassword } from '../acl/passwords.js';
import type { Selector } from '../acl/selector.js';
import { mergeSelectors } from '../acl/user.js';
import { arityFits, subcommandsOf } from '../command-table.js';
import type { Connection } from '../connection.js';
import { refusalText, wrongArity, wrongSubcommand } from '../gates.js';
import { container, type LocalSpec, local, type Outcome } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { aclLog } from './acl-log.js';

const shared = {
  group: 'server',
  since: '6.0.0',
  acl: ['slow'],
  flags: ['noscript', 'loading', 'stale'],
} as const;
const admin = {
  ...shared,
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', ...shared.flags],
} as const;
/** A change travels through the log by itself. */
const change = { ...admin, flags: [...admin.flags, 'no_multi'] } as const;

const genpassBits = 256;
const genpassBitsMax = 4096;

export function aclCommands(context: ServerContext): LocalSpec[] {
  const described = { ...shared, summary: 'A container for Access List Control commands.' };
  const subcommands = [...tellingCommands(context), ...changingCommands(context)];
  return [container('acl', described, subcommands)];
}

function tellingCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'cat',
      -2,
      { ...shared, summary: 'Lists categories, or the commands of one.', syntax: '[category]' },
      (_connection, args, reply) => cat(context, args, reply),
    ),
    local(
      'dryrun',
      -4,
      {
        ...admin,
        since: '7.0.0',
        summary: 'Tells whether a user may run a command, without running it.',
        syntax: 'username command [arg [arg ...]]',
      },
      (_connection, args, reply) => dryRun(context, args, reply),
    ),
    local(
      'genpass',
      -2,
      { ...shared, summary: 'Makes a random password.', syntax: '[bits]' },
      (_connection, args, reply) => genpass(args, reply),
    ),
    local(
      'getuser',
      3,
      { ...admin, summary: "Returns a user's rules.", syntax: 'username' },
      (_connection, args, reply) => getUser(context, args, reply),
    ),
    local(
      'list',
      2,
      { ...admin, summary: 'Lists the users with their rules.' },
      (_connection, _args, reply) => {
        const acl = context.acl();
        reply.array(acl.all.length);
        for (const user of acl.all) {
          reply.text(['user', user.name, ...acl.effective(user).rules].join(' '));
        }
      },
    ),
    local(
      'users',
      2,
      { ...admin, summary: 'Lists the names of the users.' },
      (_connection, _args, reply) => {
        const { all } = context.acl();
        reply.array(all.length);
        for (const { name } of all) reply.text(name);
      },
    ),
    local(
      'whoami',
      2,
      { ...shared, summary: 'Returns the user of this connection.' },
      (connection, _args, reply) => reply.text(connection.session.user.name),
    ),
    local(
      'log',
      -2,
      { ...admin, summary: 'Lists what was denied.', syntax: '[count | RESET]' },
      (_connection, args, reply) => aclLog(context, args, reply),
    ),
  ];
}

function changingCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'setuser',
      -3,
      {
        ...change,
        summary: 'Makes or changes a user, on all nodes.',
        syntax: 'username [rule [rule ...]]',
      },
      (connection, args, reply) => setUser(context, connection, args, reply),
    ),
    local(
      'deluser',
      -3,
      {
        ...change,
        summary: 'Removes users on all nodes and ends their connections.',
        syntax: 'username [username ...]',
      },
      (connection, args, reply) => deleteUsers(context, connection, args, reply),
    ),
    ...['load', 'save'].map((name) =>
      local(
        name,
        2,
        { ...admin, summary: 'Not needed: users are kept in the log.' },
        (_connection, _args, reply) => reply.error(noAclFile),
      ),
    ),
  ];
}

const noAclFile =
  'ERR This Redis instance is not configured to use an ACL file. You may want to specify users ' +
  'via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis ' +
  'configuration file set) in order to store users in the Redis configuration.';

function cat(context: ServerContext, args: Args, reply: ReplySink): void {
  if (args.count > 3) return reply.error(wrongSubcommand('acl', args));
  if (args.count === 2) return texts(aclCategories, reply);
  const category = categoryOf(`@${args.text(2)}`);
  if (category === null) {
    return reply.error(`ERR Unknown category '${args.printed(2).slice(0, 128)}'`);
  }
  const { commands } = context.acl();
  const found = [...commands.all].filter((spec) => spec.acl.includes(category));
  texts(
    found.map((spec) => fullName(spec)),
    reply,
  );
}

function texts(list: readonly string[], reply: ReplySink): void {
  reply.array(list.length);
  for (const text of list) reply.text(text);
}

function genpass(args: Args, reply: ReplySink): void {
  if (args.count > 3) return reply.error(wrongSubcommand('acl', args));
  const given = args.count === 3 ? args.text(2) : String(genpassBits);
  if (!/^-?\d{1,15}$/.test(given)) {
    return reply.error('ERR value is not an integer or out of range');
  }
  const bits = Number(given);
  if (bits < 1 || bits > genpassBitsMax) {
    return reply.error(
      'ERR ACL GENPASS argument must be the number of bits for the output password, a positive ' +
        `number up to ${genpassBitsMax}`,
    );
  }
  reply.text(randomPassword(bits));
}

function getUser(context: ServerContext, args: Args, reply: ReplySink): void {
  const acl = context.acl();
  const found = acl.find(args.text(2));
  if (found === null) return reply.nil();
  const user = acl.effective(found);
  reply.map(6);
  reply.text('flags');
  reply.set(user.flags.length);
  for (const flag of user.flags) reply.text(flag);
  reply.text('passwords');
  texts(user.passwords, reply);
  const [root, ...others] = user.selectors;
  describeSelector(root!, reply);
  reply.text('selectors');
  reply.array(others.length);
  for (const selector of others) {
    reply.map(3);
    describeSelector(selector, reply);
  }
}

function describeSelector({ commands, keys, channels }: Selector, reply: ReplySink): void {
  for (const [name, rules] of Object.entries({ commands, keys, channels })) {
    reply.text(name);
    reply.text(rules.describe());
  }
}

function dryRun(context: ServerContext, args: Args, reply: ReplySink): void {
  const acl = context.acl();
  const user = acl.find(args.text(2));
  if (user === null) return reply.error(`ERR User '${args.printed(2)}' not found`);
  const inner = args.from(3);
  const named = context.table().find(inner);
  const parts = named === null || inner.count < 2 ? [] : subcommandsOf(named);
  const sub = parts.find(({ name }) => name === inner.text(1).toLowerCase());
  const spec = parts.length > 0 ? (sub ?? null) : named;
  if (spec === null) return reply.error(`ERR Command '${inner.printed(0)}' not found`);
  if (!arityFits(spec.arity, inner.count)) {
    return reply.error(wrongArity(fullName(spec)));
  }
  const denial = user.check(spec, inner);
  if (denial === null) return reply.ok();
  const { reason, index } = denial;
  const object = reason === 'command' ? fullName(spec) : inner.text(index);
  reply.text(dryRunText(denial, user.name, object));
}

function words(args: Args, first: number): string[] {
  return Array.from({ length: args.count - first }, (_, at) => args.text(first + at));
}

function setUser(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  const name = args.text(2);
  if (hasSpaces(name)) {
    return reply.error("ERR Usernames can't contain spaces or null characters");
  }
  const rules = mergeSelectors(words(args, 3));
  if ('open' in rules) {
    return reply.error(`ERR Unmatched parenthesis in acl selector starting at '${rules.open}'.`);
  }
  const done = context.acl().setUser(name, rules);
  return answer(context, connection, args, done, (sink) => sink.ok());
}

function deleteUsers(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  const names = words(args, 2);
  if (names.includes('default')) return reply.error("ERR The 'default' user cannot be removed");
  let deleted = 0;
  const done = context.acl().deleteUsers(names, (count) => {
    deleted = count;
  });
  return answer(context, connection, args, done, (sink) => sink.integer(deleted));
}

const uncertainText =
  'UNCERTAIN leadership was lost after the change was logged; it may or may not take effect';

async function answer(
  { group }: ServerContext,
  connection: Connection,
  args: Args,
  change: Promise<AclOutcome>,
  succeed: (reply: ReplySink) => void,
): Promise<void> {
  const outcome = await change;
  const { reply } = connection;
  if (outcome === null) succeed(reply);
  else if (typeof outcome === 'object') reply.error(outcome.error);
  else if (outcome === 'unknown') reply.error(uncertainText);
  else reply.error(refusalText(outcome, group, { keys: noKeys }, args));
}
