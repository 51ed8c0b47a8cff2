/** Tells Sentinel clients of this node about a new leader, as Sentinel does after a failover. */
import type { Group, NodeAddress } from './group.js';
import { replicaNodes } from './node-names.js';
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
    if (previous !== null) announce(group, pubsub, previous, leader);
  });
}

function announce(group: Group, pubsub: PubSub, previous: NodeAddress, leader: NodeAddress): void {
  const deliver = (channel: string, text: string) =>
    pubsub.deliver({ kind: 'channel', channel, payload: Buffer.from(text) });
  const place = ({ host, port }: NodeAddress) => `${host} ${port}`;
  deliver('+switch-master', `${masterName} ${place(previous)} ${place(leader)}`);
  // node-redis listens for these: its pattern for the message above lacks the plus sign.
  for (const node of replicaNodes(group)) {
    const name = `${node.host}:${node.port}`;
    deliver('+slave', `slave ${name} ${place(node)} @ ${masterName} ${place(leader)}`);
  }
}

function isSame(a: NodeAddress, b: NodeAddress): boolean {
  return a.host === b.host && a.port === b.port;
}
