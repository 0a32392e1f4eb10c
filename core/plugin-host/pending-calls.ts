/**
 * The store that a plugin gets. During the set-up it records the calls that the plugin waits for, so that the error of
 * a set-up that takes too long names the call and not only the plugin.
 */

import type { Storage } from '../api/plugin.js';
import type { Change } from '../storage/contract.js';

export class PendingCalls {
  readonly storage: Storage;
  /** Undefined when nobody needs the names any more; then a call costs nothing. */
  #pending: Set<{ readonly call: string }> | undefined = new Set();

  constructor(store: Storage) {
    const { watch, revision, position, era } = store;
    this.storage = {
      name: store.name,
      supports: store.supports,
      get fault() {
        return store.fault;
      },
      get: (key) => this.#note('storage.get', store.get(key)),
      list: (page) => this.#note('storage.list', store.list(page)),
      // `Storage` has two signatures; the answer is returned unchanged, so one implementation is enough for both.
      commit: ((change: Change) => this.#note('storage.commit', store.commit(change))) as Storage['commit'],
      ...(watch === undefined ? {} : { watch }),
      ...(revision === undefined ? {} : { revision }),
      ...(position === undefined ? {} : { position }),
      ...(era === undefined ? {} : { era }),
    };
  }

  /** The calls without an answer, each name once, the oldest first. */
  get names(): readonly string[] {
    return [...new Set(Array.from(this.#pending ?? [], ({ call }) => call))];
  }

  stop(): void {
    this.#pending = undefined;
  }

  #note<T>(call: string, answer: T): T {
    const pending = this.#pending;
    if (pending === undefined || !(answer instanceof Promise)) return answer;
    const noted = { call };
    pending.add(noted);
    const done = (): void => void pending.delete(noted);
    answer.then(done, done);
    return answer;
  }
}
