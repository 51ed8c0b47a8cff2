import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableIndex } from '../../src/storage/durable-index.js';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-durable-'));
  file = path.join(dir, 'durable');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What the next start finds: [durable, committed]. */
function reopened(change: (bytes: Buffer) => void = () => {}): [number, number] {
  const bytes = readFileSync(file);
  change(bytes);
  writeFileSync(file, bytes);
  const opened = DurableIndex.open(file);
  const found: [number, number] = [opened.index, opened.commit];
  opened.close();
  return found;
}

function record(run: (durable: DurableIndex) => void): void {
  const durable = DurableIndex.open(file);
  run(durable);
  durable.close();
}

describe('the hint of what is committed', () => {
  it('is kept beside the durable index', () => {
    record((durable) => {
      durable.record(7);
      durable.record(9);
      durable.recordCommit(8);
    });
    expect(reopened()).toEqual([9, 8]);
  });

  it('never names an entry that is not durable: another one may come in its place', () => {
    record((durable) => {
      durable.recordCommit(5);
      durable.record(9);
      durable.recordCommit(12);
    });
    expect(reopened()).toEqual([9, 9]);
    record((durable) => durable.record(4));
    expect(reopened()).toEqual([4, 4]);
    record((durable) => durable.record(20));
    expect(reopened()).toEqual([20, 4]);
  });

  it('is nothing when it is damaged, or was never written', () => {
    record((durable) => durable.record(9));
    expect(reopened()).toEqual([9, 0]);
    record((durable) => durable.record(10));
    record((durable) => durable.recordCommit(10));
    const last = (bytes: Buffer) => bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1);
    expect(reopened(last)).toEqual([10, 0]);
  });
});
