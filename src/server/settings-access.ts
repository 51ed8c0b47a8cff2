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
