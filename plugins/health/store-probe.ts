/** Asks the store for an entry, at most one question at a time however many want to know. */
import { JackfieldError, type Storage } from '../../core/plugin-api.js';

/** No entry: what is asked is whether there is an answer. */
const KEY = 'jackfield:health';

export interface StoreProbeOptions {
  readonly storageTimeoutMs: number;
  readonly cacheMs: number;
}

export class StoreProbe {
  readonly #storage: Pick<Storage, 'get' | 'fault'>;
  readonly #options: StoreProbeOptions;
  /** The question under way; one that hangs is not asked again. */
  #asked: Promise<string | undefined> | undefined;
  #last: { readonly at: number; readonly failure: string | undefined } | undefined;

  constructor(storage: Pick<Storage, 'get' | 'fault'>, options: StoreProbeOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  /** Undefined where the store answers and writes, else the code of its error, or `TIMEOUT`. */
  async failure(): Promise<string | undefined> {
    // One that still reads and never writes again looks well to every question.
    if (this.#storage.fault !== undefined) return this.#storage.fault.code;
    if (this.#last !== undefined && performance.now() - this.#last.at < this.#options.cacheMs)
      return this.#last.failure;
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      // After the next poll: what arrived while the process was paused is read before it is called late.
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
      // Its sentence may hold addresses that are nobody's business.
      return error instanceof JackfieldError ? error.code : 'STORAGE_UNAVAILABLE';
    }
  }
}
