/**
 * When the journal is merged into the data file. A merge costs as much as the data, so it waits for as many octets of
 * journal, or for a pause that grows with the data.
 */

/** A smaller journal is never merged because of its size. */
const MIN_JOURNAL_OCTETS = 16_777_216;

/**
 * A second of silence per mebibyte of data, so that occasional writes cause at most 1 MiB/s of merging. With little
 * data, the pause is about as long as a person needs to open the file.
 */
const IDLE_MS = 100;
const OCTETS_PER_IDLE = 104_858;
const MAX_IDLE_MS = 600_000;

export interface Sizes {
  /** Octets of the journals that the data file does not contain. */
  readonly journal: number;
  readonly data: number;
}

export class CheckpointPolicy {
  readonly #make: () => Promise<void>;
  readonly #sizes: () => Sizes;
  readonly #idleMs: number;
  readonly #minOctets: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  /** After a failed checkpoint, the journal must grow to this size before the next. */
  #retryAt = 0;
  #isStopped = false;

  constructor(
    make: () => Promise<void>,
    sizes: () => Sizes,
    { idleMs = IDLE_MS, minOctets = MIN_JOURNAL_OCTETS }: { idleMs?: number; minOctets?: number } = {},
  ) {
    this.#make = make;
    this.#sizes = sizes;
    this.#idleMs = idleMs;
    this.#minOctets = minOctets;
  }

  /** Call it after each write. */
  noticed(): void {
    if (this.#running !== undefined || this.#isStopped) return;
    const { journal, data } = this.#sizes();
    if (journal === 0) return;
    if (journal > Math.max(this.#minOctets, data, this.#retryAt)) {
      void this.run().catch(() => {});
      return;
    }
    if (this.#timer === undefined) {
      const delay = Math.min(this.#idleMs * Math.max(1, data / OCTETS_PER_IDLE), MAX_IDLE_MS);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        void this.run().catch(() => {});
      }, delay).unref();
    } else this.#timer.refresh();
  }

  /** One at a time. A caller that asks during a checkpoint gets the next one. */
  async run(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {});
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#make();
    try {
      await this.#running;
      this.#retryAt = 0;
    } catch (error) {
      const { journal, data } = this.#sizes();
      this.#retryAt = journal + Math.max(this.#minOctets, data);
      throw error;
    } finally {
      this.#running = undefined;
    }
    this.noticed();
  }

  /** Starts no more checkpoints; resolves when none runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running?.catch(() => {});
  }
}
