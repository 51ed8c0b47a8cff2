/**
 * Redis' protected mode: as long as nobody needs a password, only clients of this machine are let
 * in, whatever address the node listens at.
 */
import { isIPv4 } from 'node:net';

/** Also of IPv4 clients at a socket for both versions. No address: it is gone already. */
export function isLocalAddress(remoteAddress: string | undefined): boolean {
  if (remoteAddress === undefined || remoteAddress === '::1') return true;
  const plain = remoteAddress.replace(/^::ffff:/, '');
  return isIPv4(plain) && plain.startsWith('127.');
}

/** Redis' text, with what helps here. */
export const protectedModeText =
  'DENIED Redis is running in protected mode because protected mode is enabled and no password ' +
  'is set for the default user. In this mode connections are only accepted from the loopback ' +
  'interface. If you want to connect from external computers to Redis you may adopt one of the ' +
  "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET " +
  "protected-mode no' from the loopback interface by connecting to Redis from the same host the " +
  'server is running, however MAKE SURE Redis is not publicly accessible from internet if you do ' +
  'so. 2) Alternatively you can just disable the protected mode by setting the protected-mode ' +
  "option to 'no' when the server is started. 3) Setup a default user password. NOTE: You only " +
  'need to do one of the above things in order for the server to start accepting connections ' +
  'from the outside.';
