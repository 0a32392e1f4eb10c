/** GET /tally: how many requests of each method were answered. A plugin as a class, its needs given by a container. */
import { inject, TOKENS } from 'jackfield';
import { z } from 'zod';

/** @import { Log, PluginContext } from 'jackfield' */

class Tally {
  /** What a plugin that is an object has beside `setup`. */
  static plugin = {
    name: 'tally',
    options: z.strictObject({
      /** Where the tally is read. */
      path: z.string().startsWith('/').default('/tally'),
    }),
  };

  #log;
  #path;
  #answered = /** @type {Map<string, number>} */ (new Map());

  /**
   * @param {Log} log
   * @param {{ path: string }} options
   */
  constructor(log, { path }) {
    this.#log = log;
    this.#path = path;
  }

  /** @param {PluginContext} context */
  setup({ handle, hook, onClose }) {
    hook('close', ({ method }) => {
      this.#answered.set(method, (this.#answered.get(method) ?? 0) + 1);
    });
    handle('GET', this.#path, () => ({ json: Object.fromEntries(this.#answered) }));
    onClose(() => this.#log.info({ answered: Object.fromEntries(this.#answered) }, 'The final tally.'));
  }
}

// In TypeScript: `constructor(@inject(TOKENS.log) log: Log, …)`. Decorators are functions, so JavaScript calls them.
// The third argument is the index of the parameter.
inject(TOKENS.log)(Tally, undefined, 0);
inject(TOKENS.options)(Tally, undefined, 1);

export default Tally;
