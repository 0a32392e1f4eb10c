/**
 * One process at a time has the data. The lock is a listening Unix socket beside the file, which answers every
 * connection with the process id of its owner. A socket is dead the moment its process is, be it by kill -9, so
 * there is nothing to time out and nothing to clean up by hand.
 *
 * The socket is bound under a name of its own and then linked to the lock's name: whoever finds the name finds a
 * socket that already listens, and of two that try at once `link` lets one succeed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageError } from '../../core/storage/contract.js';
import { reasonOf } from './durable-file.js';
import { codeOf, type FileSystem, statOrNone } from './file-system.js';

export interface FileLock {
  /** False where somebody removed or replaced the lock: then another process may have the data. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** `sun_path` has 104 octets on macOS and 108 on Linux, with a closing NUL. */
const MAX_SOCKET_PATH = 100;

/** A socket path in a folder that cannot have sockets, or is too long for one. */
const NO_SOCKET_HERE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENAMETOOLONG'];

/** A stopped process accepts (its kernel does) and answers nothing; it has the lock all the same. */
const ANSWER_WITHIN_MS = 1_000;

const MAX_TRIES = 20;

/**
 * @param path The real path of the data file, so that two ways to one file meet at one lock.
 * Errors: STORAGE_LOCKED, which names the other process; STORAGE_UNREADABLE.
 */
export async function lockFile(path: string, files: FileSystem): Promise<FileLock> {
  const beside = `${path}.lock`;
  // Every process must come to the same answer here, so it rests on the path alone.
  if (Buffer.byteLength(uniqueName(beside)) > MAX_SOCKET_PATH) return lockAt(elsewhere(path), path, files);
  try {
    return await lockAt(beside, path, files);
  } catch (error) {
    if (!NO_SOCKET_HERE.includes(codeOf(error))) throw asUnreadable(error, beside);
    return lockAt(elsewhere(path), path, files);
  }
}

/** Where the folder of the data has no room for a socket. */
export function elsewhere(path: string): string {
  return join(tmpdir(), `jackfield-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.lock`);
}

function uniqueName(name: string): string {
  return `${name}.${randomBytes(4).toString('hex')}`;
}

async function lockAt(name: string, path: string, files: FileSystem): Promise<FileLock> {
  const own = uniqueName(name);
  const server = await listen(own);
  try {
    const { id } = await files.stat(own);
    await claim(own, name, path, files);
    await files.unlink(own);
    const isHeld = async () => (await statOrNone(files, name))?.id === id;
    return {
      isHeld,
      async release() {
        // Unlinked while it still answers, so that nobody can have put another in its place meanwhile.
        try {
          if (await isHeld()) await files.unlink(name);
        } finally {
          await stop(server);
        }
      },
    };
  } catch (error) {
    await files.unlink(own).catch(() => {});
    await stop(server);
    throw error;
  }
}

/** Gives the listening socket the lock's name, or tells who has it. */
async function claim(own: string, name: string, path: string, files: FileSystem): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    try {
      await files.link(own, name);
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const standing = await statOrNone(files, name);
    if (standing === undefined) continue;
    if (standing.kind !== 'socket') {
      throw new StorageError(
        'STORAGE_LOCKED',
        `${name} is no lock of jackfield and stands in its place. Remove it.`,
      );
    }
    await refuseIfAlive(name, path);
    await moveAside(name, path, files);
  }
  throw new StorageError(
    'STORAGE_LOCKED',
    `${path} is being opened by several processes at once. Try again.`,
  );
}

/**
 * Removes a dead lock. Between finding it dead and renaming it another process may have done all this and put its
 * own socket there: so what was renamed is asked again, and goes back where it is alive. Should a third have taken
 * the name by then, the one put aside finds in `isHeld` that it lost the lock, before it changes anything.
 */
async function moveAside(name: string, path: string, files: FileSystem): Promise<void> {
  const aside = uniqueName(name);
  try {
    await files.rename(name, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await refuseIfAlive(aside, path);
  } catch (error) {
    await files.link(aside, name).catch(() => {});
    throw error;
  } finally {
    await files.unlink(aside).catch(() => {});
  }
}

async function refuseIfAlive(name: string, path: string): Promise<void> {
  const owner = await ownerOf(name);
  if (owner === 'dead') return;
  const who =
    owner === 'unknown'
      ? 'another process, which does not say its id'
      : owner === process.pid
        ? `this process (${owner}) already, through another adapter`
        : `process ${owner}`;
  throw new StorageError('STORAGE_LOCKED', `${path} is opened by ${who}. The lock is ${name}.`);
}

type Owner = number | 'unknown' | 'dead';

async function ownerOf(name: string): Promise<Owner> {
  // A process that ends between accepting and answering says nothing; the next question finds it dead.
  for (let asks = 0; asks < 3; asks += 1) {
    const answer = await ask(name);
    if (answer !== '')
      return /^\d+\n$/.test(answer) ? Number(answer) : answer === 'dead' ? 'dead' : 'unknown';
  }
  return 'unknown';
}

/** What the socket says, `''` where it closed without a word, or how it failed. */
function ask(name: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(name);
    const settle = (text: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(settle, ANSWER_WITHIN_MS, 'unknown');
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', (error) => settle(isDead(error) ? 'dead' : 'unknown'));
    socket.on('close', () => settle(answer));
  });
}

/**
 * Refused: nobody listens. Absent: released meanwhile. Reset: its process ended while we waited for the answer.
 * Anything else, such as a socket of another user, counts as alive.
 */
function isDead(error: Error): boolean {
  return ['ECONNREFUSED', 'ENOENT', 'ECONNRESET'].includes(codeOf(error));
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.unref();
      socket.end(`${process.pid}\n`);
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

function asUnreadable(error: unknown, name: string): StorageError {
  if (error instanceof StorageError) return error;
  return new StorageError('STORAGE_UNREADABLE', `the lock ${name} cannot be made: ${reasonOf(error)}.`, {
    cause: error,
  });
}
