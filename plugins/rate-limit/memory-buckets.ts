/** Buckets of this process, the least recently used forgotten where there are too many: a forgotten one is full. */
import { LRUCache } from 'lru-cache';
import { type Bucket, draw, type Limit, type Standing, standing } from './bucket.js';

export class MemoryBuckets {
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(max: number) {
    this.#buckets = new LRUCache({ max });
  }

  take(key: string, limit: Limit): Standing {
    const { bucket, taken } = draw(this.#buckets.get(key), limit, performance.now(), 1);
    this.#buckets.set(key, bucket);
    return standing(bucket, limit, taken === 1);
  }
}
