/** Glob patterns over names of commands and settings. */
import { globMatches } from '../../statemachine/glob.js';

export function matchesGlob(pattern: string, name: string): boolean {
  return globMatches(Buffer.from(pattern, 'latin1'), Buffer.from(name, 'latin1'));
}
