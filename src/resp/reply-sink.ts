/**
 * Where a command writes its reply. Commands say what they answer and know nothing of RESP2 or
 * RESP3; the sink of a connection turns it into bytes, that of a follower drops it, that of a
 * test records it. Aggregates are written as a header followed by their elements, in order.
 */
export interface ReplySink {
  /** +OK */
  ok(): void;
  simple(text: string): void;
  /** With its code in front and no line end: "ERR syntax error". */
  error(text: string): void;
  integer(value: number | bigint): void;
  /** A bulk string taken from `bytes` between start and end; copied at once. */
  bulk(bytes: Uint8Array, start: number, end: number): void;
  /** A bulk string from latin1 text. */
  text(value: string): void;
  /** RESP2: null bulk string, RESP3: null. */
  nil(): void;
  /** RESP2: null array (a transaction that did not run), RESP3: null. */
  nilArray(): void;
  array(length: number): void;
  /** `length` counts pairs; RESP2 flattens it to an array of twice as many. */
  map(length: number): void;
  set(length: number): void;
  push(length: number): void;
  /** RESP2: bulk string. `text`: its digits, where they are more than a double holds. */
  double(value: number, text?: string): void;
  /** RESP2: 0 or 1. */
  boolean(value: boolean): void;
  /** RESP2: bulk string. `format` is "txt" or "mkd". */
  verbatim(format: string, text: string): void;
  /** A reply already encoded for this connection. */
  raw(bytes: Uint8Array): void;
}

/** Takes everything and keeps nothing: for nodes that apply commands of other nodes' clients. */
export const nullSink: ReplySink = {
  ok() {},
  simple() {},
  error() {},
  integer() {},
  bulk() {},
  text() {},
  nil() {},
  nilArray() {},
  array() {},
  map() {},
  set() {},
  push() {},
  double() {},
  boolean() {},
  verbatim() {},
  raw() {},
};
