/** One file of Redis' own suite against one server: starts the driver and gathers what it tells. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type Verdict =
  | { readonly kind: 'passed'; readonly commands: readonly string[] }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'ignored'; readonly why: string };

export interface UnitRun {
  /** By name; a name that comes twice is told apart by a number. */
  readonly tests: ReadonlyMap<string, Verdict>;
  /** Errors between tests. */
  readonly between: readonly string[];
}

export interface UnitPlace {
  /** The top of Redis' source. */
  readonly suite: string;
  readonly host: string;
  readonly port: number;
  /** The server has one database. */
  readonly singledb: boolean;
  /** As the suite names it: "unit/expire". */
  readonly unit: string;
}

/** A test that says nothing for so long hangs. */
const silenceMsMax = 120_000;

/** The driver lies beside the source, also for the compiled form of this file. */
const driver = (() => {
  const own = path.dirname(fileURLToPath(import.meta.url));
  return path.join(own.replace(`${path.sep}dist${path.sep}`, path.sep), 'driver.tcl');
})();

/** `hung` is the test in which the driver got stuck, or null. */
export class UnitEvents {
  readonly tests = new Map<string, Verdict>();
  readonly between: string[] = [];
  hung: string | null = null;
  private testing: string | null = null;

  /** Resolves when the file is through, or when a test hangs. */
  run(place: UnitPlace, passedOver: readonly string[]): Promise<void> {
    const { suite, host, port, singledb, unit } = place;
    const words = [driver, host, String(port), singledb ? '1' : '0', unit, ...passedOver];
    const child = spawn('tclsh', words, { cwd: suite, stdio: ['ignore', 'pipe', 'inherit'] });
    const silent = setTimeout(() => child.kill('SIGKILL'), silenceMsMax);
    createInterface(child.stdout).on('line', (line) => {
      silent.refresh();
      this.take(line);
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => {
        clearTimeout(silent);
        this.hung = this.testing;
        resolve();
      });
    });
  }

  private take(line: string): void {
    const [kind, ...texts] = line.split(' ');
    const [first = '', second = ''] = texts.map((text) => Buffer.from(text, 'base64').toString());
    if (kind === 'testing') this.testing = first;
    else if (kind === 'between') this.between.push(`${first}: ${second}`);
    else if (kind === 'passed') this.note(first, { kind, commands: second.split(' ') });
    else if (kind === 'failed' || kind === 'ignored') this.note(first, { kind, why: second });
  }

  private note(name: string, verdict: Verdict): void {
    this.testing = null;
    let unique = name;
    for (let nth = 2; this.tests.has(unique); nth++) unique = `${name} #${nth}`;
    this.tests.set(unique, verdict);
  }
}
