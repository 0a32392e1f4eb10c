/**
 * Checks that the lock and the journal are in place, so that commits are written only where a start would find them.
 * All acknowledged data is also in memory. So if the journal is gone, everything is written to disk again before the
 * next change is accepted.
 */
import { StorageError } from '../../core/storage/contract.js';
import { notWritten } from './durable-file.js';
import type { FileLock } from './file-lock.js';
import type { Journal } from './journal.js';

/**
 * Checked every 10 ms, not per batch (a tenth of the write cost). Little is lost: a removed journal takes earlier
 * commits with it anyway, and a process that removes a lock needs longer to start another one.
 */
const LOOK_EVERY_MS = 10;

export class PlaceCheck {
  readonly #path: string;
  readonly #lock: FileLock;
  readonly #lookEveryMs: number;
  readonly #writeAgain: () => Promise<void>;
  /** Set while the journal on disk is not the one that was written, until all data is written again. */
  #lost: StorageError | undefined;
  #writing: Promise<void> | undefined;
  /** When lock and journal were last found in place, by `performance.now`. */
  #seenAt = Number.NEGATIVE_INFINITY;

  /**
   * @param path The path of the data file.
   * @param lookEveryMs The greatest age of a check when a batch is written, in milliseconds.
   * @param writeAgain Writes all data to disk again.
   */
  constructor(
    path: string,
    lock: FileLock,
    lookEveryMs: number | undefined,
    writeAgain: () => Promise<void>,
  ) {
    this.#path = path;
    this.#lock = lock;
    this.#lookEveryMs = lookEveryMs ?? LOOK_EVERY_MS;
    this.#writeAgain = writeAgain;
  }

  /** Without the lock, another process may have the data. Errors: STORAGE_LOCKED, STORAGE_UNAVAILABLE. */
  async mustBeLocked(): Promise<void> {
    const isHeld = await this.#lock.isHeld().catch((cause: unknown) => {
      throw notWritten(this.#path, cause);
    });
    if (isHeld) return;
    throw new StorageError(
      'STORAGE_LOCKED',
      `the lock of ${this.#path} was removed, so another process may have it.`,
    );
  }

  /**
   * Call it before each write.
   *
   * @param journal Undefined if there is none yet.
   * Errors: STORAGE_LOCKED, STORAGE_UNAVAILABLE.
   */
  async mustBeInPlace(journal: Journal | undefined): Promise<void> {
    const lost = this.#lost;
    const now = performance.now();
    if (lost === undefined && now - this.#seenAt < this.#lookEveryMs) return;
    const check = lost === undefined ? journal?.stands() : undefined;
    const [, stands] = await Promise.all([
      this.mustBeLocked(),
      // Two checks at once take as long as one.
      check?.catch((cause: unknown) => Promise.reject(notWritten(this.#path, cause))),
    ]);
    if (stands === true || journal === undefined) {
      this.#seenAt = now;
      return;
    }
    if (lost === undefined) {
      this.#lost = new StorageError(
        'STORAGE_UNAVAILABLE',
        `${journal.path} was removed, renamed or changed while the server ran; all data is written again, then changes are accepted again.`,
      );
    }
    this.#writing ??= this.#writeAgain()
      .catch(() => {})
      .finally(() => {
        this.#writing = undefined;
      });
    throw lost ?? this.#lost;
  }

  /** Call it when all data is on disk again. @returns Whether it had been lost. */
  recovered(): boolean {
    const wasLost = this.#lost !== undefined;
    this.#lost = undefined;
    return wasLost;
  }
}
