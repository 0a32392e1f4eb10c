/**
 * The tokens for constructors of class plugins and class adapters: `constructor(@inject(TOKENS.storage) storage:
 * Storage)`. `Symbol.for`, so that they are the same in two copies of jackfield in one process.
 */
const token = (name: string): symbol => Symbol.for(`jackfield.${name}`);

export const TOKENS = {
  // Services of the server
  /** `ResolvedConfig` */
  config: token('config'),
  /** `ConfigSource` */
  source: token('source'),

  // Services of one plugin, as in `PluginContext`; a class adapter has the first three
  /** The whole `PluginContext`, or the `AdapterContext`. */
  context: token('context'),
  /** `Log`, with the name of the plugin or adapter on every line. */
  log: token('log'),
  options: token('options'),
  /** `Storage` */
  storage: token('storage'),
  handle: token('handle'),
  hook: token('hook'),
  signal: token('signal'),
  onClose: token('onClose'),
} as const;
