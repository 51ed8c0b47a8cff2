/** Addresses as flags, files and Redis write them: HOST:PORT, with IPv6 hosts in brackets. */
import net from 'node:net';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Null when the text is no HOST:PORT with a port from 1 to 65535. */
export function readHostPort(text: string): HostPort | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]\s]+)\]|([^:\s]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65535) return null;
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reached from this machine only. A name other than localhost is taken to be public. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return net.isIPv4(host) && host.startsWith('127.');
}
