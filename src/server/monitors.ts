/** MONITOR: clients that see every command which this node takes from its own clients. */
import type { Clock } from '../ports.js';
import type { Args } from '../resp/args.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import { execSpec } from '../statemachine/keyspace-commands.js';
import { clientAddress } from './client-address.js';
import type { Connection } from './connection.js';
import { monitorArguments } from './shown-arguments.js';

export class Monitors {
  private readonly watching = new Set<Connection>();

  constructor(private readonly clock: Clock) {}

  get any(): boolean {
    return this.watching.size > 0;
  }

  add(connection: Connection): void {
    connection.session.monitors = true;
    this.watching.add(connection);
  }

  forget(connection: Connection): void {
    connection.session.monitors = false;
    this.watching.delete(connection);
  }

  /** Redis: administrative commands are too dangerous to be shown. */
  tell(from: Connection, spec: SpecBase, args: Args): void {
    if (spec === execSpec) {
      for (const queued of from.session.queued ?? []) this.tell(from, queued.spec, queued.args);
      return this.send(from, ['exec']);
    }
    if (spec.flags.includes('admin') || spec.flags.includes('skip_monitor')) return;
    this.send(from, monitorArguments(spec, args));
  }

  private send(from: Connection, args: readonly string[]): void {
    const now = this.clock.wallMs();
    const seconds = Math.floor(now / 1000);
    const micros = String(Math.floor((now % 1000) * 1000)).padStart(6, '0');
    const line =
      `+${seconds}.${micros} [${from.database} ${clientAddress(from)}] ` +
      `${args.map(quoted).join(' ')}\r\n`;
    const bytes = Buffer.from(line, 'latin1');
    for (const connection of [...this.watching]) connection.push(bytes);
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u0007': '\\a',
  '\b': '\\b',
};

/** Redis: sdscatrepr. */
function quoted(text: string): string {
  const escaped = text.replace(
    /[\\"]|[^ -~]/g,
    (char) => escapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"`;
}
