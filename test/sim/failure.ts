/** What a checker throws: its name tells, in the table of planted bugs, who caught which. */
export class SimFailure extends Error {
  constructor(
    readonly checker: string,
    what: string,
    /** For whoever replays it: shown with a single seed. */
    readonly details = '',
  ) {
    super(`${checker}: ${what}`);
  }
}
