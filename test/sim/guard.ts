/**
 * While a simulation runs, every source of time, timers and chance of the process throws: what
 * reaches for one could not be replayed. Installed for one simulation at a time.
 */
const timerNames = ['setTimeout', 'setInterval', 'setImmediate'] as const;

function forbid(name: string): () => never {
  return () => {
    throw new Error(`${name} was used inside a simulation`);
  };
}

/** Returns the way to put everything back. */
export function forbidRealTime(): () => void {
  const { random } = Math;
  const { now } = Date;
  const monotonic = performance.now;
  const timers = timerNames.map((name) => globalThis[name]);
  Math.random = forbid('Math.random');
  Date.now = forbid('Date.now');
  performance.now = forbid('performance.now');
  for (const name of timerNames) Object.assign(globalThis, { [name]: forbid(name) });
  return () => {
    Math.random = random;
    Date.now = now;
    performance.now = monotonic;
    timerNames.forEach((name, at) => {
      Object.assign(globalThis, { [name]: timers[at] });
    });
  };
}
