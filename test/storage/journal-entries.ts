/** The entries that a start finds in the bytes of a journal whose only generation has this salt. */
import type { Entry } from '../../src/raft/types.js';
import { journalRecordsAfter, recordEntries } from '../../src/storage/journal-record.js';

export async function journalEntriesAfter(
  file: Buffer,
  salt: Uint8Array,
  last: number,
): Promise<Entry[]> {
  const generation = { salt, through: Number.MAX_SAFE_INTEGER };
  const read = async (at: number, bytes: number) => file.subarray(at, at + bytes);
  const records = await journalRecordsAfter({ length: file.length, read }, [generation], last);
  return records.flatMap(({ at, firstIndex }) => {
    const entries = recordEntries(file, at, salt)!;
    return entries.slice(Math.max(0, last + 1 - firstIndex));
  });
}
