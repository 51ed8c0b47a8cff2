/**
 * The settings of one node while it runs. Values are kept as CONFIG GET prints them (sizes in
 * plain bytes) and have passed their schema: what is in here is always valid.
 */
import { TgError } from './errors.js';
import { type Setting, settingsTable } from './settings-table.js';

/** A value and the place it came from, for error messages. */
export interface Given {
  readonly name: string;
  readonly value: string;
  /** A flag, `environment variable X` or `FILE:LINE`. */
  readonly from: string;
}

type Parsed = { readonly ok: true; readonly value: string } | { readonly error: string };

const byName = new Map(settingsTable.map((setting) => [setting.name, setting]));

export function isKnownName(name: string): boolean {
  return byName.has(name);
}

export function badConfig(from: string, what: string): TgError {
  return new TgError('BAD_CONFIG', `${from}: ${what}`);
}

/** Secrets stay out of error messages and logs. */
const secretNames: readonly string[] = ['requirepass', 'cluster-secret'];

function shown(name: string, value: string): string {
  return secretNames.includes(name) ? '' : `, not '${value}'`;
}

export class Settings {
  private readonly values = new Map<string, string>();
  private readonly setWhileRunning = new Set<string>();
  private readonly watchers = new Map<string, ((value: string) => void)[]>();

  /** `given`: strongest first; all are checked, overruled ones too. Throws TgError BAD_CONFIG. */
  constructor(given: readonly Given[] = []) {
    for (const { name, default: byDefault } of settingsTable) this.values.set(name, byDefault);
    for (const { name, value, from } of [...given].reverse()) {
      const setting = byName.get(name);
      if (setting === undefined) throw badConfig(from, `unknown setting '${name}'`);
      const parsed = this.parse(setting, value);
      if ('error' in parsed) throw badConfig(from, `${name} ${parsed.error}${shown(name, value)}`);
      this.values.set(name, parsed.value);
    }
    this.checkRelations(given);
  }

  /** The value in force. Throws TgError INVARIANT for a name that is no setting. */
  get(name: string): string {
    const value = this.values.get(name);
    if (value === undefined) throw new TgError('INVARIANT', `no setting is named ${name}`);
    return value;
  }

  number(name: string): number {
    return Number(this.get(name));
  }

  list(): readonly string[] {
    return [...this.values.keys()];
  }

  /** As CONFIG GET prints it; null: no such setting. Clients hear nothing that peers prove by. */
  redisValue(name: string): string | null {
    return name === 'cluster-secret' ? '' : (this.values.get(name) ?? null);
  }

  /** The effective set for the log, without secrets. */
  describe(): Readonly<Record<string, string>> {
    const hide = (name: string, value: string) =>
      secretNames.includes(name) && value !== '' ? '(hidden)' : value;
    return Object.fromEntries([...this.values].map(([name, value]) => [name, hide(name, value)]));
  }

  /** In the log, the same on all nodes. */
  isClusterWide(name: string): boolean {
    return byName.get(name)?.clusterWide ?? false;
  }

  /** CONFIG SET: an error text, or null when the value is in force. */
  set(name: string, value: string): string | null {
    const setting = byName.get(name);
    if (setting === undefined) return 'no such setting';
    if (!setting.live) return "can't set immutable config";
    const parsed = this.parse(setting, value);
    if ('error' in parsed) return `argument ${parsed.error}`;
    const changed = parsed.value !== this.values.get(name);
    this.values.set(name, parsed.value);
    if (changed && !setting.clusterWide) this.setWhileRunning.add(name);
    if (changed) for (const run of this.watchers.get(name) ?? []) run(parsed.value);
    return null;
  }

  /** What CONFIG SET changed of this node's own settings, as CONFIG GET prints it. */
  get changes(): ReadonlyMap<string, string> {
    return new Map([...this.setWhileRunning].map((name) => [name, this.get(name)]));
  }

  /** `run` is called after each change of `name`, with the new value. */
  onChange(name: string, run: (value: string) => void): void {
    if (!byName.has(name)) throw new TgError('INVARIANT', `no setting is named ${name}`);
    this.watchers.set(name, [...(this.watchers.get(name) ?? []), run]);
  }

  /** As get(), for who asks with every command. */
  watch(name: string): () => string {
    let current = this.get(name);
    this.onChange(name, (value) => {
      current = value;
    });
    return () => current;
  }

  private parse(setting: Setting, text: string): Parsed {
    const result = setting.schema.safeParse(text);
    if (!result.success) return { error: result.error.issues[0]?.message ?? 'is not valid' };
    const previous = this.values.get(setting.name) ?? setting.default;
    return { ok: true, value: setting.merge?.(previous, result.data) ?? result.data };
  }

  /** Both settings are fixed, so that this holds for ever once it held at the start. */
  private checkRelations(given: readonly Given[]): void {
    if (this.number('election-timeout-ms') > 2 * this.number('heartbeat-interval-ms')) return;
    const names = ['election-timeout-ms', 'heartbeat-interval-ms'];
    const from = given.find(({ name }) => names.includes(name))?.from ?? 'defaults';
    throw badConfig(from, 'election-timeout-ms must be more than twice heartbeat-interval-ms');
  }
}
