/**
 * One process at a time has the data. The lock is a listening Unix socket beside the file, which answers every
 * connection with the process id of its owner. A socket is dead the moment its process is, be it by kill -9, so
 * there is nothing to time out and nothing to clean up by hand.
 *
 * Every process that wants the file shows a socket under a name of its own, and only then looks for others: of any
 * two, the later one sees the earlier. No name is ever used again, so a dead socket can be removed by anybody
 * without hitting a living one. (With one name for all, whoever removes a dead lock may remove the lock of the
 * process that did so a moment before.)
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StorageError } from '../../core/storage/contract.js';
import { ignoreAbsent, reasonOf } from './durable-file.js';
import { codeOf, type FileSystem, statOrNone } from './file-system.js';

export interface FileLock {
  /** False where somebody removed the lock: then another process may have the data. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** `sun_path` has 104 octets on macOS and 108 on Linux, with a closing NUL. */
const MAX_SOCKET_PATH = 100;

/** How it shows that a folder cannot have sockets. */
const NO_SOCKET_HERE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENAMETOOLONG'];

/** A stopped process accepts (its kernel does) and answers nothing; it has the lock all the same. */
const ANSWER_WITHIN_MS = 1_000;

/** While another process has not found out yet whether it gets the lock. */
const ASK_AGAIN_MS = 5;

/** Where the sockets of one data file are, and how their names begin. */
interface Place {
  readonly folder: string;
  readonly prefix: string;
}

/**
 * @param path The real path of the data file, so that two ways to one file meet at one lock.
 * Errors: STORAGE_LOCKED, which names the other process; STORAGE_UNREADABLE.
 */
export async function lockFile(path: string, files: FileSystem): Promise<FileLock> {
  const beside = besides(path);
  // Every process must come to the same answer here, so it rests on the path alone.
  if (Buffer.byteLength(hidden(join(beside.folder, uniqueName(beside)))) > MAX_SOCKET_PATH) {
    return lockIn(elsewhere(path), path, files);
  }
  try {
    return await lockIn(beside, path, files);
  } catch (error) {
    if (NO_SOCKET_HERE.includes(codeOf(error))) return lockIn(elsewhere(path), path, files);
    if (error instanceof StorageError) throw error;
    throw new StorageError('STORAGE_UNREADABLE', `${path} cannot be locked: ${reasonOf(error)}.`, {
      cause: error,
    });
  }
}

/**
 * For who only reads. Where the folder takes no socket because nothing may be written there, it is only looked whether
 * somebody has the data: who could start to write meanwhile is another user, or there is nobody.
 * Errors: those of `lockFile`.
 */
export async function lockToRead(path: string, files: FileSystem): Promise<FileLock> {
  try {
    return await lockFile(path, files);
  } catch (error) {
    const cause = error instanceof StorageError ? error.cause : undefined;
    if (!['EACCES', 'EROFS'].includes(codeOf(cause))) throw error;
  }
  await mustBeFirst(undefined, besides(path), path, files);
  return { isHeld: async () => true, release: async () => {} };
}

function besides(path: string): Place {
  return { folder: dirname(path), prefix: `${basename(path)}.lock-` };
}

/** Where the folder of the data has no room for a socket. */
export function elsewhere(path: string): Place {
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return { folder: tmpdir(), prefix: `jackfield-${hash}.lock-` };
}

function uniqueName({ prefix }: Place): string {
  return prefix + randomBytes(4).toString('hex');
}

/** The name of a socket until it listens: one that is bound and does not listen yet would look dead. */
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
 * @param own The name of the own socket; without one nothing is removed either.
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
    // Whatever else bears such a name is not ours to remove.
    if ((await statOrNone(files, other))?.kind !== 'socket') continue;
    for (let owner = await ownerOf(other); ; owner = await ownerOf(other)) {
      if (owner.state === 'dead') {
        if (own !== undefined) await files.unlink(other).catch(ignoreAbsent);
        break;
      }
      // Of several that are only looking yet, the first by name goes on and waits for the others to give way.
      if (owner.state === 'opened' || (own !== undefined && name < own)) {
        throw new StorageError(
          'STORAGE_LOCKED',
          `${path} is open in ${told(owner.pid)}. The lock is ${other}.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

function told(pid: number | undefined): string {
  if (pid === undefined) return 'another process, which does not answer';
  return pid === process.pid ? `this process (${pid}) already, through another adapter` : `process ${pid}`;
}

interface Owner {
  readonly state: 'dead' | 'opening' | 'opened';
  readonly pid?: number;
}

async function ownerOf(socket: string): Promise<Owner> {
  // A process that ends between accepting and answering says nothing; the next question finds it dead.
  for (let asks = 0; asks < 3; asks += 1) {
    const answer = await ask(socket);
    if (answer === 'dead') return { state: 'dead' };
    const [, pid, state] = /^(\d+) (opening|opened)\n$/.exec(answer) ?? [];
    if (state === 'opening' || state === 'opened') return { state, pid: Number(pid) };
  }
  return { state: 'opened' };
}

/** What the socket says; `''` where it said nothing, `dead` where nobody listens. */
function ask(path: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    const settle = (text: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    // After the next poll: what arrived while the process was paused is read before it is called late.
    const timer = setTimeout(() => setImmediate(settle, ''), ANSWER_WITHIN_MS);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    // Anything but these, such as the socket of another user, counts as alive.
    socket.on('error', (error) => settle(['ECONNREFUSED', 'ENOENT'].includes(codeOf(error)) ? 'dead' : ''));
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
    // Without `exclusive` a cluster's primary would hold the socket, and share it among all its workers.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      // A program that forgets to close its store may still end.
      server.unref();
      resolve(server);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
