/**
 * WAITAOF: waits until written data is on the server's disk.
 *
 * Rule: send it on the connection of its commit and on no other. WAITAOF on a connection that wrote nothing answers at
 * once, so on another connection it would confirm a commit that is not on disk.
 */
import { reasonOf } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';
import { outcomeUnknown, Refusal, Unreachable } from './failures.js';
import type { Connection, Link } from './link.js';
import type { Keys } from './packed.js';
import { strings } from './packed.js';

/** The functions of the link in use, so that a test can replace them. */
type Asked = Pick<Link, 'send' | 'connection' | 'commandTimeoutMs'>;

interface Waits {
  /** The wait that has been sent. */
  running?: Promise<void> | undefined;
  /** The next wait, for commits answered in the meantime: the running one may have been sent before them. */
  next?: Promise<void> | undefined;
}

export class DiskWait {
  readonly #link: Asked;
  readonly #waits = new WeakMap<Connection, Waits>();

  constructor(link: Asked) {
    this.#link = link;
  }

  /**
   * Resolves when everything that this connection has written is on disk. Errors: STORAGE_OUTCOME_UNKNOWN.
   * @param connection The connection that answered the commit.
   */
  since(connection: Connection): Promise<void> {
    const waits = this.#waits.get(connection) ?? {};
    this.#waits.set(connection, waits);
    if (waits.running === undefined) return this.#begin(connection, waits);
    waits.next ??= waits.running.then(
      () => this.#begin(connection, waits),
      () => this.#begin(connection, waits),
    );
    return waits.next;
  }

  #begin(connection: Connection, waits: Waits): Promise<void> {
    waits.next = undefined;
    const wait = this.#send(connection);
    waits.running = wait;
    const settled = () => {
      if (waits.running === wait) waits.running = undefined;
    };
    wait.then(settled, settled);
    return wait;
  }

  async #send(connection: Connection): Promise<void> {
    try {
      if (!(await isSynced(this.#link, connection))) {
        throw new Error(`the server did not sync within ${this.#link.commandTimeoutMs} ms`);
      }
    } catch (cause) {
      throw outcomeUnknown(cause);
    }
  }
}

/** The server's own time-out comes first: it leaves the connection intact, while ours would replace it. */
async function isSynced(link: Asked, connection: Connection): Promise<boolean> {
  const command = ['WAITAOF', '1', '0', String(link.commandTimeoutMs)];
  const [local] = strings(await link.send(command, { extraMs: 1_000, only: connection }));
  return Number(local) >= 1;
}

/**
 * A server syncs once a second. A faster answer did not wait for a sync. Slightly less than a second, because the
 * server's clock ticks in steps.
 */
const SOONEST_MS = 900;

/**
 * Whether WAITAOF of this server can be trusted. Some versions that sync once a second answer before they sync (Redis
 * 7.4 before its fix, Valkey 8.1): there, a write right after a sync counts as synced.
 * @param sync `appendfsync` of the server; undefined if the server does not say it.
 * @param isAlways The operator's setting, used if the server does not say it.
 * Errors: STORAGE_UNREADABLE; those of the link.
 */
export async function mustWaitForDisk(
  link: Asked,
  { numbers }: Keys,
  sync: string | undefined,
  isAlways: boolean,
): Promise<void> {
  const connection = link.connection;
  if (connection === undefined) throw new Unreachable(false, new Error('the connection broke'));
  if (sync === 'no') throw refusal('it needs appendfsync everysec or always, and this server has "no"');
  // Three syncs: two may fall into two consecutive seconds. The written field always has this value.
  const began = performance.now();
  for (let round = 0; round < 3; round += 1) {
    await link.send(['HSET', numbers, 'format', '1'], { only: connection });
    if (!(await synced(link, connection))) {
      throw refusal(`the server did not sync within ${link.commandTimeoutMs} ms`);
    }
    if (sync === 'always' || performance.now() - began >= SOONEST_MS) return;
  }
  if (sync === undefined && isAlways) return;
  throw refusal(
    sync === undefined
      ? 'WAITAOF answered before a server that syncs once a second can have synced. The server does not show its settings: if appendfsync is always, set durable: true'
      : `WAITAOF of this server answers before the sync, as in Redis 7.4 and Valkey 8.1 with appendfsync ${sync}; set appendfsync always, or use a later version`,
  );
}

async function synced(link: Asked, connection: Connection): Promise<boolean> {
  try {
    return await isSynced(link, connection);
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    const reason = reasonOf(cause);
    throw refusal(
      /appendonly is disabled/.test(reason)
        ? 'it needs a Redis with appendonly yes'
        : `it needs WAITAOF of Redis 7.2 or Valkey: ${reason}`,
      cause,
    );
  }
}

const refusal = (reason: string, cause?: unknown): StorageError =>
  new StorageError('STORAGE_UNREADABLE', `waitForDisk: ${reason}.`, { cause });
