/**
 * Stable one-line text of messages, entries, effects and status, for golden transcripts and logs.
 * Data is shown by length only unless it is short printable text.
 */
import type { Effects, LogWrite } from './effects.js';
import type { Message } from './messages.js';
import type { Configuration, Entry, HardState, RaftStatus } from './types.js';

export function describeEntry(entry: Entry): string {
  const place = `${entry.term}/${entry.index}`;
  if (entry.kind === 'noop') return `${place} noop`;
  if (entry.configuration !== null) return `${place} ${describeConfiguration(entry.configuration)}`;
  return `${place} "${describeData(entry.data)}"`;
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners } = configuration;
  const joint = outgoing.length > 0 ? ` outgoing=(${outgoing.join(' ')})` : '';
  const learning = learners.length > 0 ? ` learners=(${learners.join(' ')})` : '';
  return `voters=(${voters.join(' ')})${joint}${learning}`;
}

export function describeMessage(message: Message): string {
  const { from, to, term, kind } = message;
  return `${from}->${to} ${kind} term=${term}${describeBody(message)}`;
}

function describeBody(message: Message): string {
  switch (message.kind) {
    case 'vote-request': {
      const flags = `${message.preVote ? ' pre' : ''}${message.transfer ? ' transfer' : ''}`;
      return `${flags} last=${message.lastLogTerm}/${message.lastLogIndex}`;
    }
    case 'vote-response': {
      const answer = message.granted ? 'granted' : 'refused';
      return `${message.preVote ? ' pre' : ''} for=${message.requestTerm} ${answer}`;
    }
    case 'append-request': {
      const entries = message.entries.map(describeEntry).join(', ');
      const prev = `prev=${message.prevLogTerm}/${message.prevLogIndex}`;
      return ` ${prev} commit=${message.leaderCommit} [${entries}]`;
    }
    case 'append-response':
      if (message.success) return ` ok index=${message.index}`;
      return ` refused index=${message.index} hint=${message.hintTerm}/${message.hintIndex}`;
    case 'heartbeat-request':
      return ` round=${message.round} commit=${message.leaderCommit}`;
    case 'heartbeat-response':
      return ` round=${message.round}`;
    case 'read-index-request':
      return ` token=${message.token}`;
    case 'read-index-response':
      return ` token=${message.token} index=${message.index}`;
    case 'timeout-now':
      return '';
    default:
      return message satisfies never;
  }
}

export function describeHardState(state: HardState): string {
  return `term=${state.term} vote=${state.votedFor ?? '-'} commit=${state.commit}`;
}

/** One line per thing to do; nothing to do gives no lines. */
export function describeEffects(effects: Effects): string[] {
  const lines: string[] = [];
  const change = effects.roleChange;
  if (change !== null) {
    lines.push(`role ${change.role} term=${change.term} leader=${change.leader ?? '-'}`);
  }
  for (const message of effects.messages) lines.push(`send ${describeMessage(message)}`);
  if (effects.write !== null) lines.push(...describeWrite(effects.write));
  for (const entry of effects.committed) lines.push(`apply ${describeEntry(entry)}`);
  for (const read of effects.reads) lines.push(`read token=${read.token} index=${read.index}`);
  for (const old of effects.oldEntries) lines.push(`old entries for ${old.to} from=${old.from}`);
  for (const to of effects.snapshots) lines.push(`snapshot for ${to}`);
  if (effects.committedWanted !== null) {
    lines.push(`committed wanted from=${effects.committedWanted.from}`);
  }
  return lines;
}

function describeWrite(write: LogWrite): string[] {
  const parts = [`write #${write.seq}${write.sync ? '' : ' unsynced'}`];
  if (write.hardState !== null) parts.push(`{${describeHardState(write.hardState)}}`);
  if (write.truncateFrom !== null) parts.push(`truncate=${write.truncateFrom}`);
  if (write.entries.length > 0) parts.push(`[${write.entries.map(describeEntry).join(', ')}]`);
  const afterwards = write.afterwards.map((message) => `  then ${describeMessage(message)}`);
  return [parts.join(' '), ...afterwards];
}

export function describeStatus(status: RaftStatus): string[] {
  const lines = [
    `${status.id} ${status.role} term=${status.term} leader=${status.leader ?? '-'} ` +
      `vote=${status.votedFor ?? '-'} commit=${status.commitIndex} ` +
      `applied=${status.lastApplied} last=${status.lastLogIndex}`,
  ];
  for (const peer of status.peers) {
    lines.push(`  ${peer.id} ${peer.state} match=${peer.matchIndex} next=${peer.nextIndex}`);
  }
  return lines;
}

function describeData(data: Uint8Array): string {
  const printable = data.length <= 32 && data.every((byte) => byte >= 32 && byte < 127);
  return printable ? String.fromCharCode(...data) : `${data.length} bytes`;
}
