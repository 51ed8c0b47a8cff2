/** Why tests of Redis' suite fail here and may: what differs is meant to differ. */

interface Reason {
  readonly unit: string;
  /** Of the test's name. */
  readonly test: RegExp;
  readonly reason: string;
}

const reasons: readonly Reason[] = [];

/** Null: nothing explains it. */
export function reasonOf(unit: string, test: string): string | null {
  const found = reasons.find((each) => each.unit === unit && each.test.test(test));
  return found?.reason ?? null;
}
