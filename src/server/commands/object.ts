/** OBJECT: a container of reads of the keyspace. */
import { keyspaceSubcommands } from '../../statemachine/keyspace-commands.js';
import { container, type LocalSpec } from '../local-spec.js';

export function objectCommands(): LocalSpec[] {
  const described = {
    group: 'generic',
    acl: ['keyspace', 'slow'],
    flags: ['readonly'],
    since: '2.2.3',
    summary: 'A container for object introspection commands.',
  } as const;
  const reads = keyspaceSubcommands.filter((spec) => spec.container === 'object');
  return [container('object', described, reads)];
}
