/** The sources of settings of a command line, joined in their order of precedence. */
import { type Given, type HostPort, parseHostPort, Settings } from '../src/config.js';
import { parseSet, readConfigFile, readEnvironment } from '../src/config-sources.js';

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Flags (of one name given twice the later counts), environment, file: strongest first. */
export function gatherSettings(set: readonly string[], file: string | null): Given[] {
  const flags = [...set].reverse().map(parseSet);
  const fromFile = file === null ? [] : readConfigFile(file);
  return [...flags, ...readEnvironment(process.env), ...fromFile];
}

/** The addresses of --connect. Throws TgError BAD_CONFIG. */
export function parseConnect(text: string): HostPort[] {
  return text
    .split(',')
    .map((value) => parseHostPort({ name: 'each address', value, from: '--connect' }));
}

/** As the nodes take it from the environment; empty: none. */
export function clientPassword(): string {
  const sources = gatherSettings([], null).filter(({ name }) => name === 'requirepass');
  return new Settings(sources).get('requirepass');
}
