/** Tells Sentinel clients of this node about a new leader (channel +switch-master). */
import type { Group, NodeAddress } from './group.js';
import type { PubSub } from './pubsub.js';

export const masterName = 'tgcache';

/** Every node says it to its own clients, so nothing needs to be broadcast. */
export function announceLeaders(group: Group, pubsub: PubSub): void {
  let last: NodeAddress | null = null;
  group.onChange(() => {
    const leader = group.leader();
    if (leader === null || (last !== null && isSame(leader, last))) return;
    const previous = last;
    last = leader;
    if (previous === null) return;
    const places = [previous, leader].map(({ host, port }) => `${host} ${port}`).join(' ');
    const payload = Buffer.from(`${masterName} ${places}`);
    pubsub.deliver({ kind: 'channel', channel: '+switch-master', payload });
  });
}

function isSame(a: NodeAddress, b: NodeAddress): boolean {
  return a.host === b.host && a.port === b.port;
}
