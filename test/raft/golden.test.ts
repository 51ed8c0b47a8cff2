/**
 * Golden transcripts of the core: testdata/*.txt. Each starts with the reason it exists (lines
 * with #). A block is one command, a line of dashes, and the text it must give. REWRITE=1 writes
 * the files anew; the difference is to be reviewed.
 *
 *   start ID voters=n1,n2 [learners=n3] [terms=1,2] [term=3]   a node; entry 1 is its configuration
 *   tick ID [TIMES]      propose ID TEXT      read ID TOKEN      transfer ID TARGET
 *   change ID voters=...      sync ID (complete the write)      deliver [FROM>TO] | drop [FROM>TO]
 *   status ID
 *
 * The election timer of n1 fires after 10 ticks, that of the others after 19.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeEffects, describeMessage, describeStatus } from '../../src/raft/describe.js';
import type { LogWrite } from '../../src/raft/effects.js';
import type { Message } from '../../src/raft/messages.js';
import { RaftCore } from '../../src/raft/raft.js';
import { bytes, configFor, configurationOf, restoredLog } from './support.js';

const folder = new URL('./testdata/', import.meta.url);

class Stage {
  private readonly cores = new Map<string, RaftCore>();
  private readonly writes = new Map<string, LogWrite>();
  private network: Message[] = [];
  private out: string[] = [];

  run(line: string): string[] {
    this.out = [];
    const [name = '', id = '', ...rest] = line.split(' ');
    if (name === 'start') this.start(id, options(rest));
    else if (name === 'deliver') this.deliver(id);
    else if (name === 'drop') this.take(id);
    else if (name === 'sync') this.sync(id);
    else if (name === 'status') this.out.push(...describeStatus(this.core(id).status()));
    else this.act(name, id, rest);
    return this.out.length === 0 ? ['ok'] : this.out;
  }

  private act(name: string, id: string, rest: string[]): void {
    const core = this.core(id);
    const [first = ''] = rest;
    if (name === 'tick') for (let at = 0; at < Number(first || '1'); at++) core.tick();
    else if (name === 'propose') this.result(core.propose(bytes(first)));
    else if (name === 'read') core.requestRead(Number(first));
    else if (name === 'transfer') this.result(core.transferLeadership(first));
    else if (name === 'change') this.result(core.changeConfiguration(wanted(options(rest))));
    else throw new Error(`unknown command ${name}`);
    this.pump(id);
  }

  private result(value: unknown): void {
    this.out.push(JSON.stringify(value));
  }

  private start(id: string, given: ReadonlyMap<string, string>): void {
    const numbers = (name: string) => list(given.get(name)).map(Number);
    const [term] = numbers('term');
    const spec = { configuration: wanted(given), terms: numbers('terms'), commit: 1 };
    const log = restoredLog(term === undefined ? spec : { ...spec, term });
    this.cores.set(id, new RaftCore(configFor(id, { random: () => (id === 'n1' ? 0 : 9) }), log));
    this.pump(id);
  }

  private core(id: string): RaftCore {
    const core = this.cores.get(id);
    if (core === undefined) throw new Error(`no node ${id}`);
    return core;
  }

  private pump(id: string): void {
    const core = this.core(id);
    while (core.hasEffects()) {
      const effects = core.takeEffects();
      this.out.push(...describeEffects(effects).map((text) => `${id}: ${text}`));
      this.network.push(...effects.messages);
      if (effects.write !== null) this.writes.set(id, effects.write);
      for (const entry of effects.committed) {
        core.applied(entry.index);
        core.tellCommit(entry.index);
      }
    }
  }

  private sync(id: string): void {
    const write = this.writes.get(id);
    if (write === undefined) throw new Error(`${id} has no write in flight`);
    this.writes.delete(id);
    this.core(id).written(write.seq);
    this.network.push(...write.afterwards);
    this.pump(id);
  }

  private take(way: string): Message[] {
    const matches = (m: Message) => way === '' || way === `${m.from}>${m.to}`;
    const taken = this.network.filter(matches);
    this.network = this.network.filter((message) => !matches(message));
    return taken;
  }

  private deliver(way: string): void {
    for (const message of this.take(way)) {
      const core = this.cores.get(message.to);
      if (core === undefined) continue;
      this.out.push(`> ${describeMessage(message)}`);
      core.step(message);
      this.pump(message.to);
    }
  }
}

function list(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}

function options(words: readonly string[]): Map<string, string> {
  return new Map(words.map((word) => word.split('=') as [string, string]));
}

function wanted(given: ReadonlyMap<string, string>) {
  return configurationOf(list(given.get('voters')), list(given.get('learners')));
}

function rerun(text: string): string {
  const stage = new Stage();
  const blocks = text.trimEnd().split(/\n\n+/);
  const done = blocks.map((block) => {
    const lines = block.split('\n');
    if (lines[0]?.startsWith('#')) return block;
    return [lines[0], '----', ...stage.run(lines[0]!)].join('\n');
  });
  return `${done.join('\n\n')}\n`;
}

describe('golden transcripts', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
    test(name, () => {
      const file = new URL(name, folder);
      const text = readFileSync(file, 'utf8');
      const now = rerun(text);
      if (process.env.REWRITE === '1') writeFileSync(file, now);
      else expect(now).toBe(text);
    });
  }
});
