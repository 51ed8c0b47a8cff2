/** `tgcache-node member ...`: who belongs to a running cluster, and who leads it. */
import type { Command } from 'commander';
import { parseMember } from '../src/config.js';
import { CommandError } from './command-error.js';
import { askLeader, type LeaderQuestion } from './leader-client.js';
import { ask } from './resp-client.js';
import { clientPassword, parseConnect } from './settings-sources.js';
import { type Columns, layTable } from './table.js';

interface MemberOptions {
  readonly connect: string;
  readonly json?: true;
}

/** Elections, changes under way and learners that catch up get this long. */
const withinMs = 15_000;
/** A table is also worth something without a leader. */
const listMs = 3000;

export function addMemberCommands(program: Command): void {
  const member = program.command('member').description('the members of a running cluster');
  shared(member.command('list').description('show all members')).action(list);
  shared(member.command('add').description('add a node; it votes once it has caught up'))
    .argument('<ID=HOST:PEERPORT>', 'its id and Raft port; the node may start sooner or later')
    .option('--learner', 'it stays without a vote until it is promoted')
    .action((given: string, options: MemberOptions & { learner?: true }) => {
      const { id, peerAddress } = parseMember({ name: 'member', value: given, from: 'member add' });
      const words = ['MEMBER', 'ADD', id, peerAddress, ...(options.learner ? ['LEARNER'] : [])];
      return change(options, words);
    });
  addChange(member, 'promote', 'PROMOTE', 'give a learner a vote');
  addChange(member, 'remove', 'REMOVE', 'remove a node; it then stops by itself');
  shared(member.command('transfer-leader').description('let another node lead'))
    .argument('[ID]', 'which one (default: the follower that lacks least)')
    .action((id: string | undefined, options: MemberOptions) =>
      change(options, ['TRANSFER-LEADER', ...(id === undefined ? [] : [id])]),
    );
}

function addChange(member: Command, name: string, word: string, text: string): void {
  shared(member.command(name).description(text))
    .argument('<ID>', 'which node')
    .action((id: string, options: MemberOptions) => change(options, ['MEMBER', word, id]));
}

function shared(command: Command): Command {
  return command
    .option('--connect <HOST:PORT,...>', 'client addresses of some nodes', '127.0.0.1:7001')
    .option('--json', 'as JSON');
}

function question({ connect }: MemberOptions, words: readonly string[]): LeaderQuestion {
  const command = ['TGCACHE', ...words];
  return { addresses: parseConnect(connect), password: clientPassword(), command, withinMs };
}

async function change(options: MemberOptions, words: readonly string[]): Promise<void> {
  const reply = await askLeader(question(options, words));
  if (reply instanceof Error) throw failure(reply);
  const message = String(reply).replace(/^OK ?/, '') || 'done';
  print(options.json ? JSON.stringify({ ok: true, message }) : message);
}

interface MemberRow {
  readonly id: string;
  readonly role: string;
  /** Of a learner: `automatic` once it has caught up, or `manual`. */
  readonly promotion: string | null;
  readonly peerAddress: string;
  readonly clientAddress: string | null;
  readonly connected: boolean;
  readonly lag: number | null;
}

const columns: Columns<MemberRow> = [
  ['node', ({ id }) => id],
  ['role', ({ role }) => role],
  ['promotion', ({ promotion }) => promotion ?? '-'],
  ['up', ({ connected }) => (connected ? 'yes' : 'no')],
  ['lag', ({ lag }) => (lag === null ? '-' : String(lag))],
  ['clients', ({ clientAddress }) => clientAddress ?? '-'],
  ['peers', ({ peerAddress }) => peerAddress],
];
const leftColumns = ['node', 'role', 'promotion', 'up', 'clients', 'peers'];

async function list(options: MemberOptions): Promise<void> {
  const asked = { ...question(options, ['MEMBER', 'LIST']), withinMs: listMs };
  const reply = await askLeader(asked);
  const members = rowsOf(reply instanceof Error ? await listAnywhere(asked, reply) : reply);
  const leader = members.find(({ role }) => role === 'leader')?.id ?? null;
  print(
    options.json
      ? JSON.stringify({ leader, members }, null, 2)
      : layTable(columns, members, leftColumns, colourOf),
  );
  if (leader === null) throw new CommandError('no node leads now');
}

/** Without a leader: what some node knows. */
async function listAnywhere(asked: LeaderQuestion, error: Error): Promise<unknown> {
  const { addresses, password, command } = asked;
  for (const address of addresses) {
    const commands = [['READONLY'], command];
    const replies = await ask({ address, password, commands, timeoutMs: listMs }).catch(() => []);
    if (Array.isArray(replies[1])) return replies[1];
  }
  throw failure(error);
}

function rowsOf(reply: unknown): MemberRow[] {
  return (reply as string[][]).map((fields) => {
    const named = new Map<string, string>();
    for (let at = 0; at + 1 < fields.length; at += 2) named.set(fields[at]!, fields[at + 1]!);
    const text = (name: string) => named.get(name) || null;
    const lag = text('lag');
    return {
      id: text('id') ?? '',
      role: text('role') ?? '',
      promotion: text('promotion'),
      peerAddress: text('peer-address') ?? '',
      clientAddress: text('client-address'),
      connected: text('connected') === 'yes',
      lag: lag === null ? null : Number(lag),
    };
  });
}

function colourOf({ role, connected }: MemberRow) {
  if (!connected) return 'red';
  return role === 'leader' ? 'green' : null;
}

/** Redis' code words say nothing to an operator. */
function failure(error: Error): CommandError {
  return new CommandError(error.message.replace(/^(ERR|TRYAGAIN|CLUSTERDOWN) /, ''), 1, {
    cause: error,
  });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
