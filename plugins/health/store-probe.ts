/** Reads an entry of the store as a probe, at most one read at a time for any number of callers. */
import { JackfieldError, type Storage } from '../../core/plugin-api.js';

/** The entry does not exist: only the fact of an answer counts. */
const KEY = 'jackfield:health';

export interface StoreProbeOptions {
  readonly storageTimeoutMs: number;
  readonly cacheMs: number;
}

export class StoreProbe {
  readonly #storage: Pick<Storage, 'get' | 'fault'>;
  readonly #options: StoreProbeOptions;
  /** The read under way; while it hangs, no other is sent. */
  #asked: Promise<string | undefined> | undefined;
  #last: { readonly at: number; readonly failure: string | undefined } | undefined;

  constructor(storage: Pick<Storage, 'get' | 'fault'>, options: StoreProbeOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  /** Undefined if the store answers and accepts writes; otherwise the code of its error, or `TIMEOUT`. */
  async failure(): Promise<string | undefined> {
    // A store that reads but never writes again would pass every read probe.
    if (this.#storage.fault !== undefined) return this.#storage.fault.code;
    if (this.#last !== undefined && performance.now() - this.#last.at < this.#options.cacheMs)
      return this.#last.failure;
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      // Settle after the next poll: data that arrived while this process was paused is read before it counts as late.
      timer = setTimeout(() => setImmediate(() => resolve('TIMEOUT')), this.#options.storageTimeoutMs);
    });
    const failure = await Promise.race([this.#asked, late]);
    clearTimeout(timer);
    this.#last = { at: performance.now(), failure };
    return failure;
  }

  async #ask(): Promise<string | undefined> {
    try {
      await this.#storage.get(KEY);
      return undefined;
    } catch (error) {
      // Only the code: the sentence of the error may contain private addresses.
      return error instanceof JackfieldError ? error.code : 'STORAGE_UNAVAILABLE';
    }
  }
}
