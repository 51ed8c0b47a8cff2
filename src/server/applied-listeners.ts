/** Several may want to hear what is applied; while nobody does, the group is left alone. */
import type { KeyListener } from '../statemachine/key-listener.js';
import type { Group } from './group.js';

export class AppliedListeners {
  private active: readonly KeyListener[] = [];

  constructor(private readonly group: Pick<Group, 'listen'>) {}

  use(listener: KeyListener, inUse: boolean): void {
    if (this.active.includes(listener) === inUse) return;
    this.active = inUse
      ? [...this.active, listener]
      : this.active.filter((other) => other !== listener);
    const [first, ...others] = this.active;
    this.group.listen(others.length === 0 ? (first ?? null) : all(this.active));
  }
}

function all(listeners: readonly KeyListener[]): KeyListener {
  return {
    changed(bytes, start, end) {
      for (const listener of listeners) listener.changed(bytes, start, end);
    },
    removed(bytes, start, end, why) {
      for (const listener of listeners) listener.removed(bytes, start, end, why);
    },
    flushed() {
      for (const listener of listeners) listener.flushed();
    },
    settled() {
      for (const listener of listeners) listener.settled();
    },
    event(...about) {
      for (const listener of listeners) listener.event?.(...about);
    },
  };
}
