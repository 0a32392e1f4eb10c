/**
 * The file of a Unix socket. A process that was killed leaves it behind, and then the next process cannot listen. So
 * the file is deleted if nobody answers on it, and only then.
 */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { JackfieldError, systemCode } from '../errors.js';
import { socketError } from './listen-error.js';

/** Size of the path in `sockaddr_un` without its NUL; macOS and the BSDs have less room than Linux. */
const MAX_PATH_OCTETS = process.platform === 'linux' ? 107 : 103;

/** The system would cut a longer path and create a different file. Errors: SOCKET_UNAVAILABLE. */
export function checkLength(path: string): void {
  const octets = Buffer.byteLength(path);
  if (octets <= MAX_PATH_OCTETS) return;
  throw new JackfieldError(
    'SOCKET_UNAVAILABLE',
    `${path}. The path has ${octets} octets; the system allows at most ${MAX_PATH_OCTETS}.`,
  );
}

/** Deletes a stale socket file. Errors: SOCKET_IN_USE, SOCKET_UNAVAILABLE. */
export async function removeStale(path: string): Promise<void> {
  const found = await inode(path);
  if (found === undefined) return;
  if (await isAnswered(path)) throw inUse(path);
  // Another process may have listened meanwhile; the file is then its file.
  const now = await inode(path);
  if (now === undefined) return;
  if (now !== found) throw inUse(path);
  await unlink(path).catch((cause: unknown) => {
    if (systemCode(cause) !== 'ENOENT') throw socketError(cause, path);
  });
}

/** Errors: SOCKET_UNAVAILABLE. */
export async function setMode(path: string, mode: number): Promise<void> {
  await chmod(path, mode).catch((cause: unknown) => {
    throw socketError(cause, path);
  });
}

function inUse(path: string): JackfieldError {
  return socketError(Object.assign(new Error('a program answers there'), { code: 'EADDRINUSE' }), path);
}

/** Identifies a socket file; undefined if there is none. Errors: SOCKET_UNAVAILABLE. */
async function inode(path: string): Promise<bigint | undefined> {
  try {
    const found = await lstat(path, { bigint: true });
    if (found.isSocket()) return found.ino;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw socketError(cause, path);
  }
  throw new JackfieldError('SOCKET_UNAVAILABLE', `${path}. The path is a file that is not a socket.`);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Any other error (no permission, a full queue) does not prove that nobody listens.
    socket.on('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error))));
  });
}
