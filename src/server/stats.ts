/** Counters for INFO. */
export class ServerStats {
  readonly startedAtMs = Date.now();
  connections = 0;
  rejectedConnections = 0;
  commands = 0;
  errors = 0;

  reset(): void {
    this.connections = 0;
    this.rejectedConnections = 0;
    this.commands = 0;
    this.errors = 0;
  }
}
