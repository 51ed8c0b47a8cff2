/** Why a rule of ACL SETUSER was not taken, in Redis' words (ACLSetUserStringError). */

export type AclFault =
  | 'unknown-command'
  | 'syntax'
  | 'after-all-keys'
  | 'after-all-channels'
  | 'no-such-password'
  | 'bad-hash'
  | 'argument-of-subcommand';

const texts: Readonly<Record<AclFault, string>> = {
  'unknown-command': 'Unknown command or category name in ACL',
  syntax: 'Syntax error',
  'after-all-keys':
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have " +
    "any effect. Try 'resetkeys' to start with an empty list of patterns",
  'after-all-channels':
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not " +
    "have any effect. Try 'resetchannels' to start with an empty list of channels",
  'no-such-password': 'The password you are trying to remove from the user does not exist',
  'bad-hash':
    'The password hash must be exactly 64 characters and contain only lowercase hexadecimal ' +
    'characters',
  'argument-of-subcommand': 'Allowing first-arg of a subcommand is not supported',
};

export function faultText(fault: AclFault): string {
  return texts[fault];
}

/** Redis: ACLStringHasSpaces (isspace, or a zero byte). */
export function hasSpaces(text: string): boolean {
  return /[ \t\n\v\f\r\0]/.test(text);
}
