/**
 * What a class plugin can ask for in its constructor: `constructor(@inject(TOKENS.storage) storage: Storage)`.
 * `Symbol.for`, so that two copies of jackfield in one process mean the same.
 */
const token = (name: string): symbol => Symbol.for(`jackfield.${name}`);

export const TOKENS = {
  // Of the server
  /** `ResolvedConfig` */
  config: token('config'),
  /** `ConfigSource` */
  source: token('source'),
  /** `Storage` */
  storage: token('storage'),
  /** `Log`; in a plugin's container it carries the plugin's name. */
  log: token('log'),

  // Of one plugin, each as in `PluginContext`
  /** All that `setup` is given. */
  context: token('context'),
  options: token('options'),
  handle: token('handle'),
  hook: token('hook'),
  signal: token('signal'),
  onClose: token('onClose'),
} as const;
