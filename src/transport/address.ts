/** HOST:PORT as people write it; an IPv6 host stands in brackets. */
import { TgError } from '../errors.js';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** @throws TgError BAD_CONFIG when it is not HOST:PORT. */
export function parseAddress(address: string): HostPort {
  const parsed = read(address);
  if (parsed === null) {
    throw new TgError('BAD_CONFIG', `${JSON.stringify(address)} is not HOST:PORT`);
  }
  return parsed;
}

export function isAddress(address: string): boolean {
  return read(address) !== null;
}

function read(address: string): HostPort | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}
