/**
 * Only one process at a time may open the data. The lock is a listening Unix socket beside the file. It answers every
 * connection with the process id of its owner. A socket dies with its process, also by kill -9, so the lock needs no
 * timeout and no clean-up by hand.
 *
 * Each process that wants the file first publishes a socket under a unique name, and only then looks for others: of any
 * two, the later one sees the earlier. No name is ever used again, so any process can remove a dead socket without the
 * risk of removing a live one. (With one shared name, a process that removes a dead lock could remove the lock of
 * another process that did so a moment before.)
 */

import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';
import { ignoreAbsent, reasonIn } from './durable-file.js';
import { type FileSystem, statOrNone } from './file-system.js';

export interface FileLock {
  /** False if the lock file was removed: then another process may have opened the data. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** `sun_path` has 104 octets on macOS and 108 on Linux, including a closing NUL. */
const MAX_SOCKET_PATH = 100;

/** The errors of folders that cannot hold sockets. */
const NO_SOCKET_HERE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENAMETOOLONG'];

/** A stopped process accepts connections (its kernel does) and answers nothing; it still has the lock. */
const ANSWER_WITHIN_MS = 1_000;

/** The pause while another process does not know yet whether it gets the lock. */
const ASK_AGAIN_MS = 5;

/** The folder of the sockets of one data file, and the prefix of their names. */
interface Place {
  readonly folder: string;
  readonly prefix: string;
}

/**
 * @param path The real path of the data file, so that two paths to one file share one lock.
 * Errors: STORAGE_LOCKED, which names the other process; STORAGE_UNREADABLE.
 */
export async function lockFile(path: string, files: FileSystem): Promise<FileLock> {
  const beside = besides(path);
  // Every process must decide the same here, so the decision depends on the path alone.
  if (Buffer.byteLength(hidden(join(beside.folder, uniqueName(beside)))) > MAX_SOCKET_PATH) {
    return lockIn(elsewhere(path), path, files);
  }
  try {
    return await lockIn(beside, path, files);
  } catch (error) {
    if (NO_SOCKET_HERE.includes(systemCode(error))) return lockIn(elsewhere(path), path, files);
    if (error instanceof StorageError) throw error;
    throw new StorageError('STORAGE_UNREADABLE', `${path} cannot be locked: ${reasonIn(error)}.`, {
      cause: error,
    });
  }
}

/**
 * For reading only. If nothing may be written in the folder, no socket can be made there; then only check that no other
 * process has the data. A writer that starts later is another user, or there is none.
 * Errors: those of `lockFile`.
 */
export async function lockToRead(path: string, files: FileSystem): Promise<FileLock> {
  try {
    return await lockFile(path, files);
  } catch (error) {
    const cause = error instanceof StorageError ? error.cause : undefined;
    if (!['EACCES', 'EROFS'].includes(systemCode(cause))) throw error;
  }
  await mustBeFirst(undefined, besides(path), path, files);
  return { isHeld: async () => true, release: async () => {} };
}

function besides(path: string): Place {
  return { folder: dirname(path), prefix: `${basename(path)}.lock-` };
}

/** The place if the folder of the data cannot hold a socket. */
export function elsewhere(path: string): Place {
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return { folder: tmpdir(), prefix: `jackfield-${hash}.lock-` };
}

function uniqueName({ prefix }: Place): string {
  return prefix + randomBytes(4).toString('hex');
}

/** The name of a socket before it listens: a socket that is bound but does not listen yet would look dead. */
function hidden(path: string): string {
  return `${path}~`;
}

async function lockIn(place: Place, path: string, files: FileSystem): Promise<FileLock> {
  const name = uniqueName(place);
  const own = join(place.folder, name);
  const status = { opened: false };
  const server = await listen(hidden(own), status);
  const release = async () => {
    await files.unlink(own).catch(() => {});
    await stop(server);
  };
  try {
    await files.rename(hidden(own), own);
    const { id } = await files.stat(own);
    await mustBeFirst(name, place, path, files);
    status.opened = true;
    return { release, isHeld: async () => (await statOrNone(files, own))?.id === id };
  } catch (error) {
    await files.unlink(hidden(own)).catch(() => {});
    await release();
    throw error;
  }
}

/**
 * @param own The name of our own socket; without one, nothing is removed.
 * Errors: STORAGE_LOCKED.
 */
async function mustBeFirst(
  own: string | undefined,
  { folder, prefix }: Place,
  path: string,
  files: FileSystem,
): Promise<void> {
  const others = (await files.list(folder)).filter(
    (name) => name !== own && name.startsWith(prefix) && /^[0-9a-f]{8}$/.test(name.slice(prefix.length)),
  );
  for (const name of others) {
    const other = join(folder, name);
    // Another kind of file with such a name is not ours to remove.
    if ((await statOrNone(files, other))?.kind !== 'socket') continue;
    for (let owner = await ownerOf(other); ; owner = await ownerOf(other)) {
      if (owner.state === 'dead') {
        if (own !== undefined) await files.unlink(other).catch(ignoreAbsent);
        break;
      }
      // If several processes are still opening, the first by name goes on and waits until the others give way.
      if (owner.state === 'opened' || (own !== undefined && name < own)) {
        throw new StorageError(
          'STORAGE_LOCKED',
          `${path} is open in ${nameOf(owner.pid)}. The lock is ${other}.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

function nameOf(pid: number | undefined): string {
  if (pid === undefined) return 'another process, which does not answer';
  return pid === process.pid ? `this process (${pid}) already, through another adapter` : `process ${pid}`;
}

interface Owner {
  readonly state: 'dead' | 'opening' | 'opened';
  readonly pid?: number;
}

async function ownerOf(socket: string): Promise<Owner> {
  // A process that ends between accepting and answering sends nothing; the next connection finds it dead.
  for (let asks = 0; asks < 3; asks += 1) {
    const answer = await ask(socket);
    if (answer === 'dead') return { state: 'dead' };
    const [, pid, state] = /^(\d+) (opening|opened)\n$/.exec(answer) ?? [];
    if (state === 'opening' || state === 'opened') return { state, pid: Number(pid) };
  }
  return { state: 'opened' };
}

/** The answer of the socket; `''` if it sent nothing, `dead` if nobody listens. */
function ask(path: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    const settle = (text: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    // Settle after the next poll: data that arrived while this process was paused is read before it counts as late.
    const timer = setTimeout(() => setImmediate(settle, ''), ANSWER_WITHIN_MS);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    // Any other error, such as that of another user's socket, counts as alive.
    socket.on('error', (error) =>
      settle(['ECONNREFUSED', 'ENOENT'].includes(systemCode(error)) ? 'dead' : ''),
    );
    socket.on('close', () => settle(answer));
  });
}

function listen(path: string, status: { readonly opened: boolean }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.unref();
      socket.end(`${process.pid} ${status.opened ? 'opened' : 'opening'}\n`);
    });
    server.once('error', reject);
    // Without `exclusive`, a cluster's primary would own the socket and share it among all workers.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      // A program that forgets to close its store can still exit.
      server.unref();
      resolve(server);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
