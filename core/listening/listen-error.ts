/** Why a server cannot listen, with the sentence that says what to do. */

import { hostAndPort } from '../connection/address.js';
import { JackfieldError, reasonOf, systemCode } from '../errors.js';

const DENIED = 'ERR_ACCESS_DENIED';
const DENIED_CURE =
  'Node runs with its permission model, which does not allow network access. Start it with --allow-net.';

/** Errors: PORT_IN_USE, ADDRESS_NOT_AVAILABLE, PORT_FORBIDDEN, LISTEN_FAILED. */
export function portError(cause: unknown, host: string, port: number): JackfieldError {
  const where = hostAndPort(host, port);
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new JackfieldError(
        'PORT_IN_USE',
        `${where}. Stop the program that listens there, or choose another port with --port or "listen.port".`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new JackfieldError(
        'ADDRESS_NOT_AVAILABLE',
        `${host}. Choose an address of this machine with --host or "listen.host", for example 127.0.0.1.`,
        { cause },
      );
    case 'EACCES':
      return new JackfieldError(
        'PORT_FORBIDDEN',
        `${where}. Ports below 1024 need a privilege; choose another port with --port or "listen.port".`,
        { cause },
      );
    case DENIED:
      return new JackfieldError('PORT_FORBIDDEN', `${where}. ${DENIED_CURE}`, { cause });
    default:
      return new JackfieldError('LISTEN_FAILED', `${where}: ${reasonOf(cause)}`, { cause });
  }
}

/** Errors: SOCKET_IN_USE, SOCKET_UNAVAILABLE, LISTEN_FAILED. */
export function socketError(cause: unknown, path: string): JackfieldError {
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new JackfieldError(
        'SOCKET_IN_USE',
        `${path}. Stop the program that listens there, or choose another path with "listen.socket".`,
        { cause },
      );
    // Node reports a missing folder as EACCES too.
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOENT':
    case 'ENOTDIR':
      return new JackfieldError(
        'SOCKET_UNAVAILABLE',
        `${path}. Its folder must exist, and this user must have write permission.`,
        { cause },
      );
    case DENIED:
      return new JackfieldError('SOCKET_UNAVAILABLE', `${path}. ${DENIED_CURE}`, { cause });
    default:
      return new JackfieldError('LISTEN_FAILED', `${path}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Whether Node's permission model denies the network to this process. `has` returns false for permissions that this
 * version of Node does not have, so the flag is checked first.
 */
export function isNetworkDenied(): boolean {
  // The type says that it always exists; without --permission it does not.
  const permission: typeof process.permission | undefined = process.permission;
  return (
    permission !== undefined &&
    process.allowedNodeEnvironmentFlags.has('--allow-net') &&
    !permission.has('net')
  );
}

/** The error that Node throws if the network is denied, for `portError` and `socketError`. */
export function networkDenied(): Error {
  return Object.assign(new Error('Node refuses the network'), { code: DENIED });
}
