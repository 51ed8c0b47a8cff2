/** What the server asks of the settings (implemented by src/config.ts). */
export interface SettingsAccess {
  /** As CONFIG GET prints it; null: no such setting. */
  redisValue(name: string): string | null;
  list(): readonly string[];
  /** An error text, or null when the value is in force. */
  set(name: string, value: string): string | null;
  /** Settings that live in the log are changed through the group. */
  isClusterWide(name: string): boolean;
}

/** Settings are text, what clients send are bytes (latin1 here): as UTF-8. */
export function bytesOfSetting(value: string): string {
  return Buffer.from(value).toString('latin1');
}

/** Null: the bytes (latin1) are no UTF-8, and could not be kept in a file. */
export function settingOfBytes(bytes: string): string | null {
  const value = Buffer.from(bytes, 'latin1').toString();
  return bytesOfSetting(value) === bytes ? value : null;
}
