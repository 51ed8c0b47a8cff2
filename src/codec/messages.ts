/**
 * Messages between cores <-> bytes. One set carries all messages of one turn to one peer.
 *
 * Layout: count u32, then per message kind u8, group u32, term f64 and the fields of the kind.
 * Sender and receiver are not in the bytes: the connection knows both. Entries travel as their
 * memoised records (log-record.ts), the same bytes for the disk and every follower; large ones
 * are parts of their own and not copied. The version is the one of the frame around the set.
 */
import { TgError } from '../errors.js';
import type { Message } from '../raft/messages.js';
import type { Entry, GroupId, NodeId, Term } from '../raft/types.js';
import { ByteReader, ByteWriter, damaged } from './byte-cursor.js';
import { decodeEntry, encodeEntry } from './log-record.js';

const code = {
  'vote-request': 1,
  'vote-response': 2,
  'append-request': 3,
  'append-response': 4,
  'heartbeat-request': 5,
  'heartbeat-response': 6,
  'read-index-request': 7,
  'read-index-response': 8,
  'timeout-now': 9,
} as const satisfies Record<Message['kind'], number>;

/** Records from this size on are written from where they are. */
const ownPartBytes = 16 * 1024;
const envelopeBytes = 1 + 4 + 8;
const fieldBytes: Record<Message['kind'], number> = {
  'vote-request': 18,
  'vote-response': 10,
  'append-request': 28,
  'append-response': 25,
  'heartbeat-request': 32,
  'heartbeat-response': 8,
  'read-index-request': 8,
  'read-index-response': 16,
  'timeout-now': 0,
};

/** Bytes of one message in a set. */
export function messageBytes(message: Message): number {
  let bytes = envelopeBytes + fieldBytes[message.kind];
  if (message.kind === 'append-request') {
    for (const entry of message.entries) bytes += 4 + encodeEntry(entry).length;
  }
  return bytes;
}

/** The parts of one set, to be written one after the other. */
export function encodeMessages(messages: readonly Message[]): Uint8Array[] {
  const writer = new PartWriter(copiedBytes(messages));
  writer.bytes.u32(messages.length);
  for (const message of messages) putMessage(writer, message);
  return writer.finish();
}

function copiedBytes(messages: readonly Message[]): number {
  let bytes = 4;
  for (const message of messages) {
    bytes += envelopeBytes + fieldBytes[message.kind];
    if (message.kind !== 'append-request') continue;
    for (const entry of message.entries) {
      const length = encodeEntry(entry).length;
      bytes += 4 + (length < ownPartBytes ? length : 0);
    }
  }
  return bytes;
}

class PartWriter {
  readonly bytes: ByteWriter;
  readonly #parts: Uint8Array[] = [];
  #partStart = 0;

  constructor(copied: number) {
    this.bytes = new ByteWriter(copied);
  }

  record(record: Uint8Array): void {
    this.bytes.u32(record.length);
    if (record.length < ownPartBytes) {
      this.bytes.raw(record);
    } else {
      this.#closePart();
      this.#parts.push(record);
    }
  }

  finish(): Uint8Array[] {
    this.#closePart();
    return this.#parts;
  }

  #closePart(): void {
    if (this.bytes.length > this.#partStart) this.#parts.push(this.bytes.since(this.#partStart));
    this.#partStart = this.bytes.length;
  }
}

function putMessage(out: PartWriter, message: Message): void {
  const bytes = out.bytes;
  bytes.u8(code[message.kind]);
  bytes.u32(message.group);
  bytes.integer(message.term);
  switch (message.kind) {
    case 'vote-request':
      bytes.flag(message.preVote);
      bytes.flag(message.transfer);
      bytes.integer(message.lastLogIndex);
      bytes.integer(message.lastLogTerm);
      return;
    case 'vote-response':
      bytes.flag(message.preVote);
      bytes.flag(message.granted);
      bytes.integer(message.requestTerm);
      return;
    case 'append-request':
      bytes.integer(message.prevLogIndex);
      bytes.integer(message.prevLogTerm);
      bytes.integer(message.leaderCommit);
      bytes.u32(message.entries.length);
      for (const entry of message.entries) out.record(encodeEntry(entry));
      return;
    case 'append-response':
      bytes.flag(message.success);
      bytes.integer(message.index);
      bytes.integer(message.hintIndex);
      bytes.integer(message.hintTerm);
      return;
    case 'heartbeat-request':
      bytes.integer(message.leaderCommit);
      bytes.integer(message.committed);
      bytes.integer(message.round);
      bytes.integer(message.answered);
      return;
    case 'heartbeat-response':
      bytes.integer(message.round);
      return;
    case 'read-index-request':
      bytes.integer(message.token);
      return;
    case 'read-index-response':
      bytes.integer(message.token);
      bytes.integer(message.index);
      return;
    case 'timeout-now':
      return;
    default:
      message satisfies never;
  }
}

/**
 * Entries keep views on `bytes`, which must not be written to again.
 * @throws TgError PROTOCOL on any damage.
 */
export function decodeMessages(bytes: Uint8Array, from: NodeId, to: NodeId): Message[] {
  const reader = new ByteReader(bytes);
  const count = reader.u32();
  const messages: Message[] = [];
  // The count is a claim: the list grows with what is really there.
  for (let i = 0; i < count; i++) messages.push(takeMessage(reader, from, to));
  reader.end();
  return messages;
}

interface Envelope {
  readonly group: GroupId;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

function takeMessage(reader: ByteReader, from: NodeId, to: NodeId): Message {
  const kind = reader.u8();
  const group = reader.u32();
  const term = reader.integer();
  switch (kind) {
    case code['vote-request']:
      return takeVoteRequest(reader, { group, from, to, term });
    case code['vote-response']:
      return takeVoteResponse(reader, { group, from, to, term });
    case code['append-request']:
      return takeAppendRequest(reader, { group, from, to, term });
    case code['append-response']:
      return takeAppendResponse(reader, { group, from, to, term });
    case code['heartbeat-request']: {
      const [leaderCommit, committed] = [reader.integer(), reader.integer()];
      const [round, answered] = [reader.integer(), reader.integer()];
      const body = { leaderCommit, committed, round, answered };
      return { kind: 'heartbeat-request', group, from, to, term, ...body };
    }
    case code['heartbeat-response']:
      return { kind: 'heartbeat-response', group, from, to, term, round: reader.integer() };
    case code['read-index-request']:
      return { kind: 'read-index-request', group, from, to, term, token: reader.integer() };
    case code['read-index-response']: {
      const token = reader.integer();
      return {
        kind: 'read-index-response',
        group,
        from,
        to,
        term,
        token,
        index: reader.integer(-1),
      };
    }
    case code['timeout-now']:
      return { kind: 'timeout-now', group, from, to, term };
    default:
      return damaged(`unknown kind ${kind}`);
  }
}

function takeVoteRequest(reader: ByteReader, envelope: Envelope): Message {
  const preVote = reader.flag();
  const transfer = reader.flag();
  const lastLogIndex = reader.integer();
  const lastLogTerm = reader.integer();
  return { kind: 'vote-request', ...envelope, preVote, transfer, lastLogIndex, lastLogTerm };
}

function takeVoteResponse(reader: ByteReader, envelope: Envelope): Message {
  const preVote = reader.flag();
  const granted = reader.flag();
  return { kind: 'vote-response', ...envelope, preVote, granted, requestTerm: reader.integer() };
}

function takeAppendRequest(reader: ByteReader, envelope: Envelope): Message {
  const prevLogIndex = reader.integer();
  const prevLogTerm = reader.integer();
  const leaderCommit = reader.integer();
  const count = reader.u32();
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) entries.push(takeEntry(reader, prevLogIndex + 1 + i));
  return { kind: 'append-request', ...envelope, prevLogIndex, prevLogTerm, leaderCommit, entries };
}

function takeEntry(reader: ByteReader, index: number): Entry {
  const record = reader.view(reader.u32());
  const entry = decodeRecord(record);
  if (entry.index !== index) damaged('an entry out of place');
  return entry;
}

/** The frame's checksum covers the record, so that its own is left to the disk. */
function decodeRecord(record: Uint8Array): Entry {
  try {
    return decodeEntry(record, false);
  } catch (error) {
    throw new TgError('PROTOCOL', 'an unreadable entry in a message of a peer', { cause: error });
  }
}

function takeAppendResponse(reader: ByteReader, envelope: Envelope): Message {
  const success = reader.flag();
  const index = reader.integer();
  const hintIndex = reader.integer();
  const hintTerm = reader.integer();
  return { kind: 'append-response', ...envelope, success, index, hintIndex, hintTerm };
}
