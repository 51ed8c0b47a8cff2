/** MEMORY: what keys and the node take. */
import type { ReplySink } from '../../resp/reply-sink.js';
import { keyspaceSubcommands } from '../../statemachine/keyspace-commands.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import { memoryFigures } from '../memory-figures.js';
import type { ServerContext } from '../server-context.js';

const shared = { group: 'server', acl: ['slow'], flags: [], since: '4.0.0' } as const;
const MiB = 1024 * 1024;
/** Redis: below this there is nothing to say. */
const smallBytes = 5 * MiB;
/** Resident bytes per byte in use that are worth a word. */
const fragmentationMax = 1.5;

export function memoryCommands(context: ServerContext): LocalSpec[] {
  const plain = (name: string, summary: string, run: (reply: ReplySink) => void) =>
    local(name, 2, { ...shared, summary }, (_connection, _args, reply) => run(reply));
  return [
    container('memory', { ...shared, summary: 'A container for memory diagnostics commands.' }, [
      ...keyspaceSubcommands.filter((spec) => spec.container === 'memory'),
      plain('stats', 'Returns details about memory usage.', (reply) => stats(context, reply)),
      plain('doctor', 'Outputs a memory problems report.', (reply) =>
        reply.verbatim('txt', diagnosis(context)),
      ),
      plain('malloc-stats', 'Returns what the JavaScript engine says of its memory.', (reply) =>
        reply.verbatim('txt', engineReport()),
      ),
      plain('purge', 'Accepted: the JavaScript engine gives memory back by itself.', (reply) =>
        reply.ok(),
      ),
    ]),
  ];
}

function stats(context: ServerContext, reply: ReplySink): void {
  const figures = memoryFigures(context);
  const { keys } = context.group.keyspaceInfo();
  const share = (part: number, whole: number) => (whole === 0 ? 0 : (part * 100) / whole);
  const fields: [string, number, 'double'?][] = [
    ['peak.allocated', figures.peak],
    ['total.allocated', figures.used],
    ['startup.allocated', figures.startup],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', figures.clients],
    ['cluster.links', 0],
    ['aof.buffer', 0],
    ['lua.caches', 0],
    ['functions.caches', 0],
    ['overhead.total', figures.overhead],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : Math.floor(figures.dataset / keys)],
    ['dataset.bytes', figures.dataset],
    ['dataset.percentage', share(figures.dataset, figures.used), 'double'],
    ['peak.percentage', share(figures.used, figures.peak), 'double'],
    ['allocator.allocated', figures.used],
    ['allocator.active', figures.reserved],
    ['allocator.resident', figures.resident],
    ['fragmentation', figures.resident / figures.used, 'double'],
    ['fragmentation.bytes', figures.resident - figures.used],
  ];
  reply.map(fields.length);
  for (const [name, value, kind] of fields) {
    reply.text(name);
    if (kind === 'double') reply.double(value);
    else reply.integer(value);
  }
}

/** Redis: getMemoryDoctorReport, as far as it has a meaning here. */
function diagnosis(context: ServerContext): string {
  const { used, peak, resident, dataset } = memoryFigures(context);
  if (dataset < smallBytes) {
    return (
      'Hi Sam, this instance is empty or is using very little memory, my issues detector ' +
      "can't be used in these conditions. Please, leave for your mission on Earth and fill it " +
      'with some data. The new Sam and I will be back to our programming as soon as I finished ' +
      'rebooting.\n'
    );
  }
  const found: string[] = [];
  if (peak / used > fragmentationMax) {
    found.push(
      ' * Peak memory: In the past this instance used more than 150% the memory that is ' +
        'currently using. The memory is kept for later growth.',
    );
  }
  if (resident / used > fragmentationMax) {
    found.push(
      ' * High total RSS: This instance has a memory fragmentation and RSS overhead greater ' +
        'than 1.5: the JavaScript engine holds memory that it does not use at the moment.',
    );
  }
  if (found.length === 0) {
    return (
      "Hi Sam, I can't find any memory issue in your instance. I can only account for what " +
      'occurs on this base.\n'
    );
  }
  const head = 'Sam, I detected a few issues in this Redis instance memory implants:\n\n';
  return `${head}${found.join('\n\n')}\n\nI'm here to keep you safe, Sam. I want to help you.\n`;
}

function engineReport(): string {
  const usage = Object.entries(process.memoryUsage());
  return usage.map(([name, bytes]) => `${name}: ${bytes}\n`).join('');
}
