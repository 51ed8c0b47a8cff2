/**
 * What one key can hold, each value under one small number, so that the search compares, stores
 * and counts numbers. A list is its predecessor and one more element: appending costs the same
 * however long the list is.
 */
export type StateId = number;

/** The key does not exist. An empty list is the same. */
export const absent: StateId = 0;
/** In place of a state: the operation cannot happen here, or the state is not known. */
export const none: StateId = -1;

/** Of a list that is not empty: the list before its last element, and that element. */
interface ListNode {
  readonly before: StateId;
  readonly element: string;
  readonly length: number;
}

/** What a state costs beside its characters, about. */
const stateBytes = 150;

export class StateTable {
  private readonly values: (string | ListNode | null)[] = [null];
  private readonly strings = new Map<string, StateId>();
  private readonly longer = new Map<StateId, Map<string, StateId>>();
  /** Memory, about. */
  bytes = 0;

  get size(): number {
    return this.values.length;
  }

  ofString(value: string | null): StateId {
    if (value === null) return absent;
    const known = this.strings.get(value);
    if (known !== undefined) return known;
    const id = this.insert(value, value.length);
    this.strings.set(value, id);
    return id;
  }

  ofList(elements: readonly string[]): StateId {
    return elements.reduce((list, element) => this.append(list, element), absent);
  }

  /** `list` must be absent or a list. */
  append(list: StateId, element: string): StateId {
    let known = this.longer.get(list);
    if (known === undefined) {
      known = new Map();
      this.longer.set(list, known);
    }
    const id = known.get(element);
    if (id !== undefined) return id;
    const node = { before: list, element, length: this.lengthOf(list) + 1 };
    const added = this.insert(node, element.length);
    known.set(element, added);
    return added;
  }

  /** Null for a list and for an absent key. */
  stringOf(id: StateId): string | null {
    const value = this.values[id]!;
    return typeof value === 'string' ? value : null;
  }

  /** Null for a string and for an absent key. */
  listOf(id: StateId): ListNode | null {
    const value = this.values[id]!;
    return typeof value === 'string' ? null : value;
  }

  lengthOf(list: StateId): number {
    return this.listOf(list)?.length ?? 0;
  }

  private insert(value: string | ListNode, characters: number): StateId {
    this.bytes += stateBytes + 2 * characters;
    return this.values.push(value) - 1;
  }
}
