/**
 * Who listens to which channel at this node. Messages reach the subscribers of this node at once
 * and those of other nodes through the broadcast: at most once, in the order in which one node
 * sent them; a node that cannot be reached misses them (as Redis Cluster's bus).
 */
import { ReplyBuffer } from '../resp/reply-buffer.js';
import type { ReplySink } from '../resp/reply-sink.js';
import { matchesGlob } from './commands/glob-names.js';

/** Channels and payloads are bytes, kept as latin1 text where they serve as keys. */
export interface PublishedMessage {
  readonly kind: 'channel' | 'shard';
  readonly channel: string;
  readonly payload: Uint8Array;
}

export interface Subscriber {
  readonly protocol: 2 | 3;
  readonly subscriptions: Subscriptions;
  /** Gives the client something it did not ask for with its last command; copied at once. */
  push(encoded: Uint8Array): void;
}

export class Subscriptions {
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  readonly shards = new Set<string>();

  /** What SUBSCRIBE and PSUBSCRIBE count together. */
  get count(): number {
    return this.channels.size + this.patterns.size;
  }

  get any(): boolean {
    return this.count > 0 || this.shards.size > 0;
  }
}

export type SubscriptionKind = 'channels' | 'patterns' | 'shards';

export class PubSub {
  private readonly tables: Readonly<Record<SubscriptionKind, Map<string, Set<Subscriber>>>> = {
    channels: new Map(),
    patterns: new Map(),
    shards: new Map(),
  };

  constructor(private readonly broadcast: (message: PublishedMessage) => void) {}

  subscribe(subscriber: Subscriber, kind: SubscriptionKind, name: string): void {
    subscriber.subscriptions[kind].add(name);
    const listeners = this.tables[kind].get(name);
    if (listeners === undefined) this.tables[kind].set(name, new Set([subscriber]));
    else listeners.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber, kind: SubscriptionKind, name: string): void {
    subscriber.subscriptions[kind].delete(name);
    const listeners = this.tables[kind].get(name);
    listeners?.delete(subscriber);
    if (listeners?.size === 0) this.tables[kind].delete(name);
  }

  /** The client is gone, or sent RESET. */
  forget(subscriber: Subscriber): void {
    for (const kind of ['channels', 'patterns', 'shards'] as const) {
      for (const name of subscriber.subscriptions[kind]) this.unsubscribe(subscriber, kind, name);
    }
  }

  /** To all nodes; returns how many clients of this node it reached. */
  publish(message: PublishedMessage): number {
    this.broadcast(message);
    return this.deliver(message);
  }

  /** To the clients of this node. */
  deliver({ kind, channel, payload }: PublishedMessage): number {
    if (kind === 'shard') {
      const listeners = this.tables.shards.get(channel);
      return this.give(listeners, (reply) => write(reply, ['smessage', channel], payload));
    }
    const listeners = this.tables.channels.get(channel);
    let reached = this.give(listeners, (reply) => write(reply, ['message', channel], payload));
    for (const [pattern, those] of this.tables.patterns) {
      if (!matchesGlob(pattern, channel)) continue;
      reached += this.give(those, (reply) => write(reply, ['pmessage', pattern, channel], payload));
    }
    return reached;
  }

  /** True where somebody might hear: lets callers skip making messages. */
  get hasListeners(): boolean {
    return this.tables.channels.size > 0 || this.tables.patterns.size > 0;
  }

  names(kind: SubscriptionKind): IterableIterator<string> {
    return this.tables[kind].keys();
  }

  listeners(kind: SubscriptionKind, name: string): number {
    return this.tables[kind].get(name)?.size ?? 0;
  }

  /** Encodes once per protocol, however many listen. */
  private give(
    listeners: ReadonlySet<Subscriber> | undefined,
    encode: (reply: ReplySink) => void,
  ): number {
    if (listeners === undefined) return 0;
    const encoded: (Uint8Array | undefined)[] = [];
    for (const subscriber of listeners) {
      const { protocol } = subscriber;
      encoded[protocol] ??= encodedFor(protocol, encode);
      subscriber.push(encoded[protocol]);
    }
    return listeners.size;
  }
}

export function encodedFor(protocol: 2 | 3, encode: (reply: ReplySink) => void): Uint8Array {
  const buffer = new ReplyBuffer();
  buffer.protocol = protocol;
  encode(buffer);
  return buffer.take() ?? new Uint8Array(0);
}

function write(reply: ReplySink, words: readonly string[], payload: Uint8Array): void {
  reply.push(words.length + 1);
  for (const word of words) reply.text(word);
  reply.bulk(payload, 0, payload.length);
}
