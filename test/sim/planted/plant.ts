/** Puts bugs into the program while it runs, and takes them out again. Nothing in src knows. */

/** Returns the way back. */
export type Plant = () => () => void;

/** A class with private members, seen from outside. */
// biome-ignore lint/suspicious/noExplicitAny: private members have no type from here
export type Inside = any;

/** Replaces a method, or the getter of that name; `make` gets what was there. */
export function replace(
  owner: { readonly prototype: object },
  name: string,
  make: (original: Inside) => Inside,
): Plant {
  return () => {
    const { prototype } = owner;
    const before = Object.getOwnPropertyDescriptor(prototype, name);
    if (before === undefined) throw new Error(`there is no ${name} any more to break`);
    const after =
      before.get === undefined
        ? { ...before, value: make(before.value) }
        : { ...before, get: make(before.get) };
    Object.defineProperty(prototype, name, after);
    return () => Object.defineProperty(prototype, name, before);
  };
}

export function together(...plants: readonly Plant[]): Plant {
  return () => {
    const undo = plants.map((plant) => plant());
    return () => {
      for (const back of undo) back();
    };
  };
}
