/**
 * Buckets in the store, for servers that share one. A bucket is an entry that expires when it is full.
 *
 * A client cannot cause one store access per request. This process has at most one commit under way per bucket, which
 * takes tokens for all requests in between; it does not ask about buckets that it knows to be empty; and after a
 * failure it leaves the store alone for a while.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Storage } from '../../core/plugin-api.js';
import { type Bucket, draw, type Limit, msUntilFull, type Verdict, verdictOf } from './bucket.js';

export interface SharedBucketsOptions {
  readonly maxBuckets: number;
  readonly storeTimeoutMs: number;
  readonly keyPrefix: string;
}

/** Conflicts come from other servers that use the same bucket; with each conflict one of them succeeded. */
const ATTEMPTS = 10;
/** How long to leave the store alone after a failure. */
const REST_MS = 1_000;

/**
 * So many servers use one bucket that this one gets no turn: the store works, and one client sends more than it should.
 */
const CROWDED: Verdict = { isAllowed: false, remaining: 0, fullInSeconds: 1, retryInSeconds: 1 };

type Drawn = ReturnType<typeof draw>;

interface Waiting {
  resolve(verdict: Verdict): void;
  reject(error: unknown): void;
}

export class SharedBuckets {
  readonly #storage: Pick<Storage, 'get' | 'commit'>;
  readonly #options: SharedBucketsOptions;
  readonly #waiting = new Map<string, Waiting[]>();
  /** Empty buckets, as last read; their time is that of `performance.now`, of this process alone. */
  readonly #empty: LRUCache<string, Bucket>;
  #failure: { readonly until: number; readonly error: unknown } | undefined;

  constructor(storage: Pick<Storage, 'get' | 'commit'>, options: SharedBucketsOptions) {
    this.#storage = storage;
    this.#options = options;
    this.#empty = new LRUCache({ max: options.maxBuckets });
  }

  /** Rejects with the store's error if the store does not answer. */
  take(key: string, limit: Limit): Promise<Verdict> {
    if (this.#failure !== undefined && performance.now() < this.#failure.until)
      return Promise.reject(this.#failure.error);
    const empty = this.#empty.get(key);
    if (empty !== undefined) {
      const { bucket, taken } = draw(empty, limit, performance.now(), 1);
      if (taken === 0) return Promise.resolve(verdictOf(bucket, limit, false));
      this.#empty.delete(key);
    }
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) {
        waiting.push({ resolve, reject });
        return;
      }
      this.#waiting.set(key, [{ resolve, reject }]);
      void this.#serve(key, limit);
    });
  }

  async #serve(key: string, limit: Limit): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(key)?.splice(0) ?? [];
      if (batch.length === 0) break;
      try {
        const drawn = await this.#inTime(this.#draw(key, limit, batch.length));
        this.#failure = undefined;
        if (drawn === undefined) {
          for (const { resolve } of batch) resolve(CROWDED);
          continue;
        }
        const { bucket, taken } = drawn;
        if (taken < batch.length) this.#empty.set(key, { ...bucket, at: performance.now() });
        batch.forEach(({ resolve }, at) => {
          // Each request gets the count after its own token.
          const left = { ...bucket, tokens: bucket.tokens + Math.max(0, taken - at - 1) };
          resolve(verdictOf(left, limit, at < taken));
        });
      } catch (error) {
        this.#failure = { until: performance.now() + REST_MS, error };
        for (const { reject } of batch) reject(error);
      }
    }
    this.#waiting.delete(key);
  }

  /** Undefined if others were faster every time. */
  async #draw(name: string, limit: Limit, wanted: number): Promise<Drawn | undefined> {
    const key = this.#options.keyPrefix + name;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const entry = await this.#storage.get(key);
      // The clock of the machine, since several machines share the bucket. If it is set back, the bucket waits for at
      // most a window: by then its entry has expired, or its time is too far ahead to be valid.
      const drawn = draw(entry && parse(entry.value, limit), limit, Date.now(), wanted);
      if (drawn.taken === 0) return drawn;
      const { ok } = await this.#storage.commit({
        checks: [{ key, revision: entry?.revision ?? 0 }],
        puts: [
          {
            key,
            value: JSON.stringify(drawn.bucket),
            ttlMs: Math.max(1, Math.ceil(msUntilFull(drawn.bucket, limit))),
          },
        ],
      });
      if (ok) return drawn;
      // A random pause, so that servers that collided once do not collide again.
      await sleep(Math.random() * attempt * 2);
    }
    return undefined;
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { storeTimeoutMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`The store did not answer within ${storeTimeoutMs} ms.`);
      // Settle after the next poll: data that arrived while this process was paused is read before it counts as late.
      timer = setTimeout(() => setImmediate(() => reject(error)), storeTimeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Any writer of the store can write anything: an invalid bucket counts as full. */
function parse(value: string, { limit }: Limit): Bucket | undefined {
  try {
    const { tokens, at }: { tokens?: unknown; at?: unknown } = JSON.parse(value) ?? {};
    const isBucket = Number.isFinite(tokens) && Number.isFinite(at);
    if (!isBucket || typeof tokens !== 'number' || typeof at !== 'number' || tokens < 0) return undefined;
    return { tokens: Math.min(tokens, limit), at };
  } catch {
    return undefined;
  }
}
