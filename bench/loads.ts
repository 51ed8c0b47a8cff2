/** The commands that a load sends, one after the other, over a fixed number of keys. */
export interface Load {
  readonly name: string;
  /** One operation; may be several commands (SET, then WAIT). */
  readonly make: (random: (below: number) => number) => Buffer;
  /** Replies of one operation. */
  readonly replies: number;
  readonly shape: LoadShape;
}

export interface LoadShape {
  readonly keys: number;
  readonly valueBytes: number;
  /** Before the twelve digits of a key's number. */
  readonly prefix?: string;
}

export function keyName(number: number, prefix = 'key:'): string {
  return `${prefix}${String(number).padStart(12, '0')}`;
}

export function encodeCommand(...args: readonly string[]): Buffer {
  const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
  return Buffer.from(`*${args.length}\r\n${parts.join('')}`);
}

type Make = Load['make'];

export function makeLoad(name: string, shape: LoadShape): Load {
  const { keys, valueBytes } = shape;
  const value = 'x'.repeat(valueBytes);
  const set: Make = (random) => encodeCommand('SET', keyName(random(keys)), value);
  const get: Make = (random) => encodeCommand('GET', keyName(random(keys)));
  const makers: Readonly<Record<string, Make>> = {
    SET: set,
    GET: get,
    '90/10': (random) => (random(10) === 0 ? set(random) : get(random)),
    INCR: (random) => encodeCommand('INCR', `counter:${random(keys)}`),
    MSET10: (random) =>
      encodeCommand(
        'MSET',
        ...Array.from({ length: 10 }, () => [keyName(random(keys)), value]).flat(),
      ),
    'SET+WAIT': (random) => Buffer.concat([set(random), encodeCommand('WAIT', '1', '0')]),
  };
  const make = makers[name];
  if (make === undefined) throw new Error(`no load ${name}; known: ${Object.keys(makers)}`);
  return { name, make, replies: name === 'SET+WAIT' ? 2 : 1, shape };
}
