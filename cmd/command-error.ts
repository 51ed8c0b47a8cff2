/** An expected end of a command: one line for the operator and the exit code. No stack is shown. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** 1: it did not work; 2: the command line or configuration is wrong; 3: unsafe to go on. */
  constructor(
    message: string,
    readonly exitCode: 1 | 2 | 3 = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
