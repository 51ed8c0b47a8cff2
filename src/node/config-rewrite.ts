/** CONFIG REWRITE: settings that were set while the node runs, into its file. */
import type { Settings } from '../config.js';
import { rewriteConfigFile } from '../config-sources.js';

/** An error text, or null. */
export function rewriteConfig(file: string | null, settings: Settings): string | null {
  if (file === null) return 'no file was given';
  try {
    rewriteConfigFile(file, settings.changes);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
