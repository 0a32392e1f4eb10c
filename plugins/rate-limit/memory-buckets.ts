/**
 * Buckets in this process. If there are too many, the least recently used is dropped; a dropped bucket counts as full.
 */
import { LRUCache } from 'lru-cache';
import { type Bucket, draw, type Limit, type Verdict, verdictOf } from './bucket.js';

export class MemoryBuckets {
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(max: number) {
    this.#buckets = new LRUCache({ max });
  }

  take(key: string, limit: Limit): Verdict {
    const { bucket, taken } = draw(this.#buckets.get(key), limit, performance.now(), 1);
    this.#buckets.set(key, bucket);
    return verdictOf(bucket, limit, taken === 1);
  }
}
