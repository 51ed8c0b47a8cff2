/**
 * CLIENT TRACKING (Redis: tracking.c): remembers which client may have cached which key, and tells
 * it when the key changes here. A read and its registration are one step, and changes are told as
 * they are applied at this node, so a client hears of every change behind what it has read, be the
 * node leader or follower. No push overtakes a reply that was made before it.
 */
import type { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import type { KeyListener } from '../statemachine/key-listener.js';
import { specByOpcode } from '../statemachine/keyspace-commands.js';
import { forEachQueued } from '../statemachine/transaction.js';
import { BroadcastTracking } from './broadcast-tracking.js';
import type { Connection } from './connection.js';
import type { Origin, ReadTracker } from './group.js';
import { keyTexts } from './key-arguments.js';
import { encodedFor } from './pubsub.js';

export interface TrackingMode {
  readonly broadcast: boolean;
  readonly optIn: boolean;
  readonly optOut: boolean;
  readonly noLoop: boolean;
  /** Client that gets the messages; 0: the client itself. */
  readonly redirect: number;
  readonly prefixes: readonly string[];
}

export interface TrackingOptions {
  readonly connections: ReadonlyMap<number, Connection>;
  /** tracking-table-max-keys; 0: no limit. */
  readonly keysMax: () => number;
  /** Whose command is being applied. */
  readonly applyingOrigin: () => Origin | null;
  /** Tracking is in use, or no longer. */
  readonly onUse: (inUse: boolean) => void;
}

const invalidateChannel = '__redis__:invalidate';

export class Tracking implements KeyListener {
  /** Key (latin1) to the ids of clients that may hold it. */
  private readonly table = new Map<string, Set<number>>();
  private readonly clients = new Map<number, ClientTracking>();
  private readonly broadcasts = new BroadcastTracking();
  /** What the client whose command is applied hears when its reply is complete. */
  private ownKeys: string[] = [];

  constructor(private readonly options: TrackingOptions) {}

  get clientCount(): number {
    return this.clients.size;
  }

  get keyCount(): number {
    return this.table.size;
  }

  get prefixCount(): number {
    let count = 0;
    for (const { mode } of this.clients.values()) count += mode.prefixes.length;
    return count;
  }

  modeOf(connection: Connection): TrackingMode | null {
    return this.clients.get(connection.id)?.mode ?? null;
  }

  isRedirectBroken(connection: Connection): boolean {
    return this.clients.get(connection.id)?.redirectBroken ?? false;
  }

  enable(connection: Connection, mode: TrackingMode): void {
    this.disable(connection);
    this.clients.set(connection.id, new ClientTracking(mode));
    if (mode.broadcast) this.broadcasts.add(connection.id, mode.prefixes);
    else connection.tracker = new ConnectionTracker(this, connection);
    if (this.clients.size === 1) this.options.onUse(true);
  }

  /** Its registrations stay until their keys change, and then lead to nobody. */
  disable(connection: Connection): void {
    const client = this.clients.get(connection.id);
    if (client === undefined) return;
    this.clients.delete(connection.id);
    connection.tracker = null;
    this.broadcasts.remove(connection.id);
    if (this.clients.size > 0) return;
    this.table.clear();
    this.options.onUse(false);
  }

  /** The client has just read these keys. */
  remember(connection: Connection, keys: readonly string[]): void {
    for (const key of keys) {
      const holders = this.table.get(key);
      if (holders === undefined) this.table.set(key, new Set([connection.id]));
      else holders.add(connection.id);
    }
    this.keepBound();
  }

  /** Tells one client, whatever is registered. */
  tell(connection: Connection, keys: readonly string[] | null): void {
    const client = this.clients.get(connection.id);
    if (client === undefined) return;
    const { redirect } = client.mode;
    if (redirect === 0) return send(connection, keys);
    const target = this.options.connections.get(redirect);
    if (target !== undefined) return send(target, keys);
    client.redirectBroken = true;
    if (connection.protocol === 3) connection.push(brokenRedirection(redirect));
  }

  // KeyListener

  changed(bytes: Uint8Array, start: number, end: number): void {
    this.invalidate(textOf(bytes, start, end));
  }

  removed(bytes: Uint8Array, start: number, end: number): void {
    this.invalidate(textOf(bytes, start, end));
  }

  flushed(): void {
    this.table.clear();
    this.ownKeys = [];
    this.broadcasts.take();
    for (const connection of this.connectionsOf(this.clients.keys())) this.tell(connection, null);
  }

  settled(): void {
    if (this.ownKeys.length > 0) {
      const keys = this.ownKeys;
      this.ownKeys = [];
      const own = this.options.applyingOrigin() as Connection;
      for (const key of keys) this.tell(own, [key]);
    }
    for (const { to, keys } of this.broadcasts.take()) this.broadcast(to, keys);
  }

  private broadcast(to: Iterable<number>, keys: readonly string[]): void {
    const own = this.options.applyingOrigin();
    for (const connection of this.connectionsOf(to)) {
      const { noLoop } = this.clients.get(connection.id)!.mode;
      if (connection !== own || !noLoop) this.tell(connection, keys);
    }
  }

  private invalidate(key: string): void {
    const holders = this.table.get(key);
    if (holders !== undefined) {
      this.table.delete(key);
      this.tellOf(key, holders);
    }
    this.broadcasts.note(key);
  }

  private tellOf(key: string, holders: Iterable<number>): void {
    const own = this.options.applyingOrigin();
    for (const connection of this.connectionsOf(holders)) {
      const { broadcast, noLoop } = this.clients.get(connection.id)!.mode;
      // What it read before it asked for BCAST it hears with all the others.
      if (broadcast) continue;
      if (connection !== own) this.tell(connection, [key]);
      else if (!noLoop) this.ownKeys.push(key);
    }
  }

  /** Those that still are there and still track. */
  private *connectionsOf(ids: Iterable<number>): Iterable<Connection> {
    for (const id of ids) {
      const connection = this.options.connections.get(id);
      if (connection !== undefined && this.clients.has(id)) yield connection;
    }
  }

  /** What is forgotten is invalidated first: nobody may rely on it any more. */
  private keepBound(): void {
    const most = this.options.keysMax();
    if (most === 0) return;
    for (const [key, holders] of this.table) {
      if (this.table.size <= most) return;
      this.table.delete(key);
      for (const connection of this.connectionsOf(holders)) this.tell(connection, [key]);
    }
  }
}

class ClientTracking {
  redirectBroken = false;
  constructor(readonly mode: TrackingMode) {}
}

/** What the group tells about the operations of one tracking client. */
class ConnectionTracker implements ReadTracker {
  constructor(
    private readonly tracking: Tracking,
    private readonly connection: Connection,
  ) {}

  private mayCache(): boolean {
    return this.connection.mayCache(this.tracking.modeOf(this.connection)!);
  }

  read(spec: SpecBase, args: Args): void {
    if (!spec.flags.includes('readonly') || !this.mayCache()) return;
    this.tracking.remember(this.connection, keyTexts(spec, args));
  }

  beforeTransaction(args: Args): void {
    if (!this.mayCache()) return;
    forEachQueued(args, (opcode, queued) => {
      const spec = specByOpcode(opcode);
      if (spec.kind === 'read') this.tracking.remember(this.connection, keyTexts(spec, queued));
    });
  }

  forwarded(spec: SpecBase, args: Args): () => void {
    const keys = keyTexts(spec, args);
    if (spec.name === 'exec') {
      forEachQueued(args, (opcode, queued) => {
        keys.push(...keyTexts(specByOpcode(opcode), queued));
      });
    }
    return () => {
      for (const key of keys) this.tracking.tell(this.connection, [key]);
    };
  }
}

/** Redis: sendTrackingMessage. RESP2 clients hear it as a message, and only if they listen. */
function send(connection: Connection, keys: readonly string[] | null): void {
  if (connection.protocol === 3) {
    connection.push(
      encodedFor(3, (reply) => {
        reply.push(2);
        reply.text('invalidate');
        writeKeys(reply, keys);
      }),
    );
  } else if (connection.subscriptions.any) {
    connection.push(
      encodedFor(2, (reply) => {
        reply.push(3);
        reply.text('message');
        reply.text(invalidateChannel);
        writeKeys(reply, keys);
      }),
    );
  }
}

function writeKeys(reply: ReplySink, keys: readonly string[] | null): void {
  if (keys === null) return reply.nilArray();
  reply.array(keys.length);
  for (const key of keys) reply.text(key);
}

function brokenRedirection(redirect: number): Uint8Array {
  return encodedFor(3, (reply) => {
    reply.push(2);
    reply.text('tracking-redir-broken');
    reply.integer(redirect);
  });
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
