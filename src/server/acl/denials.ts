/** What clients hear when a rule denies a command, in Redis' words (getAclErrorMessage). */
import type { SpecBase } from '../../statemachine/command-spec.js';
import type { Denial } from './selector.js';

/** To the client that sent the command. */
export function denialText(denial: Denial, userName: string, command: string): string {
  if (denial.reason === 'command') return `NOPERM ${noCommand(userName, command)}`;
  return `NOPERM No permissions to access a ${denial.reason}`;
}

/** To an administrator who asks with ACL DRYRUN. */
export function dryRunText(denial: Denial, userName: string, object: string): string {
  if (denial.reason === 'command') return noCommand(userName, object);
  return `User ${userName} has no permissions to access the '${object}' ${denial.reason}`;
}

function noCommand(userName: string, command: string): string {
  return `User ${userName} has no permissions to run the '${command}' command`;
}

const reasonsAtExec: Readonly<Record<Denial['reason'], string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments to the command',
};

/** In place of the reply of a queued command. */
export function execDenialText(denial: Denial): string {
  return (
    'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC ' +
    'call. This command is no longer allowed for the following reason: ' +
    reasonsAtExec[denial.reason]
  );
}

const askedWhileLoading: readonly string[] = ['info', 'role'];

/**
 * Before the users are read from the log only that may run which needs no right, or tells how the
 * node and the cluster are.
 */
export function mayWhileLoading(spec: SpecBase): boolean {
  if (spec.flags.includes('no_auth') || spec.group === 'cluster') return true;
  if (askedWhileLoading.includes(spec.name)) return true;
  return spec.acl.includes('connection') && !spec.acl.includes('dangerous');
}
