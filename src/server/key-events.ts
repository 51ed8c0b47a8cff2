/**
 * Keyspace notifications (Redis: notify.c): tells clients of this node what happened to keys, as
 * commands are applied here, so on every node alike. Messages are given when the reply of the
 * command is complete, at the latest at the end of the turn: none may fall into a reply.
 */
import type { Clock } from '../ports.js';
import type { EventClass, KeyListener } from '../statemachine/key-listener.js';
import type { PubSub } from './pubsub.js';

export interface KeyEventsOptions {
  readonly pubsub: PubSub;
  readonly clock: Pick<Clock, 'endOfTurn'>;
  /** notify-keyspace-events; "A" stands for all classes but "m" and "n". */
  readonly flags: () => string;
}

interface KeyEvent {
  readonly name: string;
  /** Latin1. */
  readonly key: string;
  readonly database: number;
}

const classesOfA = 'g$lshzxetd';

export class KeyEvents implements KeyListener {
  private waiting: KeyEvent[] = [];
  private scheduled = false;
  private readonly flushNow = () => {
    this.scheduled = false;
    this.settled();
  };

  constructor(private readonly options: KeyEventsOptions) {}

  /** Some class, and at least one of the two kinds of channels, is asked for. */
  get wanted(): boolean {
    const flags = this.options.flags();
    return /[KE]/.test(flags) && /[^KE]/.test(flags);
  }

  event(
    kind: EventClass,
    name: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    database: number,
  ): void {
    const flags = this.options.flags();
    const chosen = flags.includes(kind) || (flags.includes('A') && classesOfA.includes(kind));
    if (!chosen || !this.options.pubsub.hasListeners) return;
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    this.waiting.push({ name, key: key.toString('latin1'), database });
    if (this.scheduled) return;
    this.scheduled = true;
    this.options.clock.endOfTurn(this.flushNow);
  }

  settled(): void {
    if (this.waiting.length === 0) return;
    const events = this.waiting;
    this.waiting = [];
    const flags = this.options.flags();
    for (const { name, key, database } of events) {
      if (flags.includes('K')) this.give(`__keyspace@${database}__:${key}`, name);
      if (flags.includes('E')) this.give(`__keyevent@${database}__:${name}`, key);
    }
  }

  private give(channel: string, payload: string): void {
    this.options.pubsub.deliver({
      kind: 'channel',
      channel,
      payload: Buffer.from(payload, 'latin1'),
    });
  }

  // Told by event() what is of interest.

  changed(): void {}

  removed(): void {}

  flushed(): void {}
}
