/**
 * While a simulation runs, every source of time, timers and chance of the process throws: what
 * reaches for one could not be replayed. Installed for one simulation at a time.
 */
interface Source {
  readonly owner: object;
  readonly name: string;
}

const sources: readonly Source[] = [
  { owner: Math, name: 'random' },
  { owner: Date, name: 'now' },
  { owner: performance, name: 'now' },
  { owner: process, name: 'hrtime' },
  { owner: globalThis, name: 'setTimeout' },
  { owner: globalThis, name: 'setInterval' },
  { owner: globalThis, name: 'setImmediate' },
];

/** Returns the way to put everything back. */
export function forbidRealTime(): () => void {
  const restore = [...sources.map(forbid), forbidNewDates()];
  return () => {
    for (const back of restore) back();
  };
}

function forbid({ owner, name }: Source): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const refuse = () => {
    throw new Error(`${name} was used inside a simulation`);
  };
  const value = Object.assign(refuse, { bigint: refuse });
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  };
}

/** A date of given numbers is none of the clock's business. */
function forbidNewDates(): () => void {
  const real = globalThis.Date;
  globalThis.Date = new Proxy(real, {
    construct: (target, args) => {
      if (args.length === 0) throw new Error('new Date() was used inside a simulation');
      return Reflect.construct(target, args);
    },
  });
  return () => {
    globalThis.Date = real;
  };
}
