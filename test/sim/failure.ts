/** What a checker throws: its name tells, in the table of planted bugs, who caught which. */
export class SimFailure extends Error {
  constructor(
    readonly checker: string,
    what: string,
  ) {
    super(`${checker}: ${what}`);
  }
}
