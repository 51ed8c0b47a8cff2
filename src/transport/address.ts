/** HOST:PORT as people write it; an IPv6 host stands in brackets. */
import { TgError } from '../errors.js';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** @throws TgError BAD_CONFIG when it is not HOST:PORT. */
export function parseAddress(address: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new TgError('BAD_CONFIG', `${JSON.stringify(address)} is not HOST:PORT`);
  }
  return { host, port };
}
