/** Configurations as bytes: msgpackr, positional, without records, behind a version byte. */
import { Packr } from 'msgpackr';
import { TgError } from '../errors.js';
import type { Configuration } from '../raft/types.js';

const version = 1;
/** Fourth field of a member that is not promoted by itself. */
const staysLearner = 'learner';
/** Records tie bytes to one encoder's history (FACTS): off. Stateless between calls. */
const packr = new Packr({ useRecords: false });

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { voters, outgoing, learners, members } = configuration;
  const placed = members.map((m) => [
    ...[m.id, m.peerAddress, m.incarnation],
    ...(m.staysLearner ? [staysLearner] : []),
  ]);
  return packr.pack([version, voters, outgoing, learners, placed]);
}

export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const fields = unpack(bytes);
  if (!Array.isArray(fields) || fields.length !== 5) throw damaged();
  if (fields[0] !== version) {
    throw new TgError('UNKNOWN_FORMAT', `a configuration of version ${String(fields[0])}`);
  }
  const [, voters, outgoing, learners, members] = fields;
  if (!isTexts(voters) || !isTexts(outgoing) || !isTexts(learners)) throw damaged();
  if (!Array.isArray(members)) throw damaged();
  return { voters, outgoing, learners, members: members.map(decodeMember) };
}

function decodeMember(fields: unknown) {
  if (!isTexts(fields) || fields.length < 3 || fields.length > 4) throw damaged();
  const [id, peerAddress, incarnation, kept] = fields as [string, string, string, string?];
  if (kept === undefined) return { id, peerAddress, incarnation };
  if (kept !== staysLearner) throw damaged();
  return { id, peerAddress, incarnation, staysLearner: true as const };
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw damaged(error);
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function damaged(cause?: unknown): TgError {
  return new TgError('CORRUPT', 'a configuration is damaged', { cause });
}
