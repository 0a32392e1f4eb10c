/**
 * The store as a plugin is given it, which knows what the plugin waits for while it is set up: where its set-up takes too
 * long, the innermost call that did not answer is named and not only the plugin.
 */

import type { Storage } from '../api/plugin.js';
import type { Change } from '../storage/contract.js';

export class PendingCalls {
  readonly storage: Storage;
  /** Undefined when nobody asks any more; then a call costs nothing. */
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
      // One signature of the two that `Storage` has; what is returned is what the store itself returned.
      commit: ((change: Change) => this.#note('storage.commit', store.commit(change))) as Storage['commit'],
      ...(watch === undefined ? {} : { watch }),
      ...(revision === undefined ? {} : { revision }),
      ...(position === undefined ? {} : { position }),
      ...(era === undefined ? {} : { era }),
    };
  }

  /** The calls that have not answered, each once, the oldest first. */
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
