/** SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites, PUBLISH, SPUBLISH, PUBSUB. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import {
  encodedFor,
  type PublishedMessage,
  type PubSub,
  type SubscriptionKind,
} from '../pubsub.js';
import type { ServerContext } from '../server-context.js';
import { matchesGlob } from './glob-names.js';

const shared = {
  group: 'pubsub',
  acl: ['pubsub', 'slow'],
  flags: ['pubsub', 'noscript', 'loading', 'stale'],
} as const;

interface Family {
  readonly subscribe: string;
  readonly kind: SubscriptionKind;
  readonly since: string;
  readonly what: string;
}

const families: readonly Family[] = [
  { subscribe: 'subscribe', kind: 'channels', since: '2.0.0', what: 'channel' },
  { subscribe: 'psubscribe', kind: 'patterns', since: '2.0.0', what: 'pattern' },
  { subscribe: 'ssubscribe', kind: 'shards', since: '7.0.0', what: 'shardchannel' },
];

export function pubsubCommands(context: ServerContext): LocalSpec[] {
  const { pubsub } = context;
  return [
    ...families.flatMap((family) => [subscribeSpec(pubsub, family), leaveSpec(pubsub, family)]),
    publishSpec(pubsub, 'publish', 'channel', '2.0.0'),
    publishSpec(pubsub, 'spublish', 'shard', '7.0.0'),
    container(
      'pubsub',
      { ...shared, since: '2.8.0', summary: 'A container for Pub/Sub commands.' },
      [
        channelsSpec(pubsub, 'channels', 'channels'),
        countsSpec(pubsub, 'numsub', 'channels'),
        local(
          'numpat',
          2,
          { ...shared, summary: 'Counts the patterns that clients listen to.' },
          (_connection, _args, reply) => reply.integer([...pubsub.names('patterns')].length),
        ),
        channelsSpec(pubsub, 'shardchannels', 'shards'),
        countsSpec(pubsub, 'shardnumsub', 'shards'),
      ],
    ),
  ];
}

function subscribeSpec(pubsub: PubSub, { subscribe, kind, since, what }: Family): LocalSpec {
  const described = {
    ...shared,
    since,
    summary: `Listens for messages to a ${what}.`,
    complexity: 'O(N) where N is the number of channels.',
    syntax: `${what} [${what} ...]`,
    channels: { first: 1, last: -1, pattern: kind === 'patterns' },
  };
  return local(subscribe, -2, described, (connection, args, reply) => {
    for (let index = 1; index < args.count; index++) {
      pubsub.subscribe(connection, kind, args.text(index));
      confirm(connection, subscribe, kind, args.text(index), reply);
    }
  });
}

function leaveSpec(pubsub: PubSub, { subscribe, kind, since, what }: Family): LocalSpec {
  const name = subscribe.replace('sub', 'unsub');
  const described = {
    ...shared,
    since,
    summary: `Stops listening to a ${what}, or to all.`,
    complexity: 'O(N) where N is the number of channels.',
    syntax: `[${what} [${what} ...]]`,
  };
  return local(name, -1, described, (connection, args, reply) => {
    const leaving =
      args.count > 1 ? textsFrom(args, 1) : [...connection.subscriptions[kind].values()];
    for (const channel of leaving) {
      pubsub.unsubscribe(connection, kind, channel);
      confirm(connection, name, kind, channel, reply);
    }
    if (leaving.length === 0) confirm(connection, name, kind, null, reply);
  });
}

function confirm(
  connection: Connection,
  name: string,
  kind: SubscriptionKind,
  channel: string | null,
  reply: ReplySink,
): void {
  const write = (to: ReplySink) => confirmation(connection, name, kind, channel, to);
  // CLIENT REPLY does not silence it, as it is a push.
  if (connection.isSilent) connection.push(encodedFor(connection.protocol, write));
  else write(reply);
}

function confirmation(
  { subscriptions }: Connection,
  name: string,
  kind: SubscriptionKind,
  channel: string | null,
  reply: ReplySink,
): void {
  reply.push(3);
  reply.text(name);
  if (channel === null) reply.nil();
  else reply.text(channel);
  reply.integer(kind === 'shards' ? subscriptions.shards.size : subscriptions.count);
}

function publishSpec(
  pubsub: PubSub,
  name: string,
  kind: PublishedMessage['kind'],
  since: string,
): LocalSpec {
  const what = kind === 'shard' ? 'shardchannel' : 'channel';
  const described = {
    ...shared,
    flags: ['pubsub', 'loading', 'stale', 'fast'],
    acl: ['pubsub', 'fast'],
    since,
    summary: `Posts a message to a ${what}.`,
    complexity: 'O(N+M), N the listeners of the channel and M the patterns at this node.',
    syntax: `${what} message`,
    channels: { first: 1, last: 1, pattern: false },
  } as const;
  return local(name, 3, described, (_connection, args, reply) => {
    const payload = new Uint8Array(args.view(2));
    reply.integer(pubsub.publish({ kind, channel: args.text(1), payload }));
  });
}

function channelsSpec(pubsub: PubSub, name: string, kind: SubscriptionKind): LocalSpec {
  const described = { ...shared, summary: 'Lists active channels.', syntax: '[pattern]' };
  return local(name, -2, described, (_connection, args, reply) => {
    if (args.count > 3) return reply.error(wrongCount(name));
    const pattern = args.count === 3 ? args.text(2) : '*';
    const names = [...pubsub.names(kind)].filter((channel) => matchesGlob(pattern, channel));
    reply.array(names.length);
    for (const channel of names) reply.text(channel);
  });
}

function countsSpec(pubsub: PubSub, name: string, kind: SubscriptionKind): LocalSpec {
  const described = { ...shared, summary: 'Counts listeners.', syntax: '[channel [channel ...]]' };
  return local(name, -2, described, (_connection, args, reply) => {
    reply.map(args.count - 2);
    for (const channel of textsFrom(args, 2)) {
      reply.text(channel);
      reply.integer(pubsub.listeners(kind, channel));
    }
  });
}

function textsFrom(args: Args, first: number): string[] {
  return Array.from({ length: args.count - first }, (_, at) => args.text(first + at));
}

function wrongCount(name: string): string {
  return `ERR wrong number of arguments for 'pubsub|${name}' command`;
}
