/**
 * Users as shared settings of the log: "user:<name>" with the rules that make the user. Settings
 * are lines of name=value, so that names are escaped; rules hold no line breaks and no tabs.
 */
import { TgError } from '../../errors.js';
import type { AclCommands } from './acl-commands.js';
import { User } from './user.js';

export const userPrefix = 'user:';
const separator = '\t';

export function settingOf(userName: string): string {
  return userPrefix + userName.replace(/[%=]/g, (char) => (char === '%' ? '%25' : '%3d'));
}

export function userNameOf(setting: string): string {
  return setting.slice(userPrefix.length).replace(/%3d/g, '=').replace(/%25/g, '%');
}

export function storedRules(user: User): string {
  return user.rules.join(separator);
}

/**
 * The user that stored rules make. Commands that only another version knows are left out; other
 * rules that make no sense are refused: TgError UNKNOWN_FORMAT.
 */
export function storedUser(name: string, rules: string, commands: AclCommands): User {
  const user = new User(name, commands);
  for (const rule of rules.split(separator)) {
    const fault = user.change(rule);
    if (fault === null || fault === 'unknown-command') continue;
    throw new TgError('UNKNOWN_FORMAT', `the log gives the user ${name} a rule ${rule}`);
  }
  return user;
}
