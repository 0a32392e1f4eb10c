/** GET /tally: counts the answered requests of each method. A class plugin: a container passes its arguments. */
import { inject, TOKENS } from 'jackfield';
import { z } from 'zod';

/** @import { Log, PluginContext } from 'jackfield' */

class Tally {
  /** The members of a plugin object, except `setup`. */
  static plugin = {
    name: 'tally',
    options: z.strictObject({
      /** The path of the tally. */
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
