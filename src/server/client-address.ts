/** Addresses of clients as CLIENT LIST prints them. */
import type { Connection } from './connection.js';

export function clientAddress({ socket }: Connection): string {
  return shown(socket.remoteAddress, socket.remotePort);
}

export function localAddress({ socket }: Connection): string {
  return shown(socket.localAddress, socket.localPort);
}

function shown(host: string | undefined, port: number | undefined): string {
  return host?.includes(':') === true ? `[${host}]:${port}` : `${host ?? '?'}:${port ?? 0}`;
}
