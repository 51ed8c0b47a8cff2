/**
 * The same for strings that grow by suffixes: where a string that was read can be put together
 * from one beginning and known suffixes in one way only, that is how it came about.
 */
import { byAddition, type Traces, tie } from './appended-lists.js';
import { absent, none, type StateId, type StateTable } from './states.js';
import type { Prefix, Step } from './steps.js';

interface Parts {
  /** What strings may begin with: initial, written and counted values. */
  readonly beginnings: readonly string[];
  readonly suffixes: ReadonlyMap<string, Step | null>;
  readonly lengths: readonly number[];
  /** What the first suffix was appended to, where it is the whole string. */
  readonly empty: StateId;
}

function partsOf(states: StateTable, prefix: Prefix): Parts | null {
  const steps = [...prefix.known, ...prefix.unknown];
  const suffixes = byAddition(steps, 'sappend');
  const counted = steps.some(({ operation: { action }, known }) => action.f === 'incr' && !known);
  if (suffixes.size === 0 || suffixes.has('') || counted) return null;
  const made = new Set([prefix.init, ...steps.map(({ makes }) => makes)]);
  made.delete(none);
  const empty = made.has(absent) ? absent : states.ofString('');
  const beginnings = [...made].map((id) => (id === absent ? '' : states.stringOf(id)));
  return {
    beginnings: beginnings.filter((value) => value !== null),
    suffixes,
    lengths: [...new Set([...suffixes.keys()].map((suffix) => suffix.length))],
    empty,
  };
}

function sharedLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** In how many ways the beginnings of a string can be put together, by their length. */
class Assembly {
  private text = '';
  private ways: number[] = [];

  constructor(private readonly parts: Parts) {}

  /** 2 stands for several ways. Cheap where `text` begins as the one before. */
  countWays(text: string): number {
    const kept = this.ways.length === 0 ? -1 : sharedLength(this.text, text);
    const ways = this.ways.slice(0, kept + 1);
    while (ways.length <= text.length) ways.push(0);
    for (const beginning of this.parts.beginnings) {
      if (beginning.length > kept && text.startsWith(beginning)) ways[beginning.length]!++;
    }
    for (let end = kept + 1; end <= text.length; end++) {
      for (const length of this.parts.lengths) {
        const before = ways[end - length] ?? 0;
        if (before > 0 && this.parts.suffixes.has(text.slice(end - length, end))) {
          ways[end] = Math.min(2, ways[end]! + before);
        }
      }
    }
    [this.text, this.ways] = [text, ways];
    return ways[text.length]!;
  }

  /** The suffix that the beginning of this length ends with; null if that is no suffix. */
  lastSuffix(end: number): string | null {
    const fits = (length: number) =>
      (this.ways[end - length] ?? 0) > 0 &&
      this.parts.suffixes.has(this.text.slice(end - length, end));
    const found = this.parts.lengths.find(fits);
    return found === undefined ? null : this.text.slice(end - found, end);
  }
}

export function traceStrings(states: StateTable, prefix: Prefix, traces: Traces): void {
  const parts = partsOf(states, prefix);
  if (parts === null) return;
  const assembly = new Assembly(parts);
  const idOf = (text: string) => (text === '' ? parts.empty : states.ofString(text));
  const needed = new Set(prefix.known.map(({ need }) => need).filter((need) => need > absent));
  // Sorted, so that each begins with as much as possible of the one before.
  const texts = [...needed].map((id) => states.stringOf(id)).filter((text) => text !== null);
  for (const text of texts.sort()) {
    const ways = assembly.countWays(text);
    if (ways === 0) traces.possible = false;
    if (ways !== 1) continue;
    for (let end = text.length; ; ) {
      const after = idOf(text.slice(0, end));
      const suffix = assembly.lastSuffix(end);
      if (suffix === null) traces.exact.add(after);
      if (suffix === null || (traces.exact.has(after) && end < text.length)) break;
      end -= suffix.length;
      const step = parts.suffixes.get(suffix);
      if (step) tie(step, idOf(text.slice(0, end)), after, traces);
    }
  }
}
