/**
 * Where the objects of a server meet. One child container per server and one per class plugin, so that two servers in
 * one process share nothing. This file alone calls the container; everyone else is handed what they need.
 */
import type { DependencyContainer } from 'tsyringe';
import type { PluginContext } from './api/plugin.js';
import type { ConfigSource } from './config/config-source.js';
import type { ResolvedConfig } from './config/resolved-config.js';
import type { PluginClass } from './config/server-config.js';
import type { Log } from './log.js';
import { applyNotes } from './plugin-host/injection.js';
import { PluginHost } from './plugin-host/plugin-host.js';
import type { MakeInstance } from './plugin-host/plugin-unit.js';
import type { StorageDoor } from './storage/storage-door.js';
import { TOKENS } from './tokens.js';

export interface ServerObjects {
  readonly host: PluginHost;
  readonly makeInstance: MakeInstance;
  /** What class plugins made from now on are given as configuration. */
  renew(config: ResolvedConfig, source: ConfigSource): void;
}

export function assembleServer(
  config: ResolvedConfig,
  source: ConfigSource,
  storage: StorageDoor,
  log: Log,
): ServerObjects {
  // Asked each time: the container would keep every value that a token ever had.
  let current = { config, source };
  const makeContainer = async (): Promise<DependencyContainer> => {
    const { container: root } = await tsyringe();
    const server = root.createChildContainer();
    server.register(TOKENS.config, { useFactory: () => current.config });
    server.register(TOKENS.source, { useFactory: () => current.source });
    server.register(TOKENS.storage, { useValue: storage });
    server.register(TOKENS.log, { useValue: log });
    return server;
  };
  let container: Promise<DependencyContainer> | undefined;
  return {
    renew: (now, from) => {
      current = { config: now, source: from };
    },
    host: new PluginHost(config, source, storage, log),
    makeInstance: async (made, context) => {
      container ??= makeContainer();
      return instanceOf(made, context, await container);
    },
  };
}

/** Loaded when a class asks for it. */
async function tsyringe() {
  await import('reflect-metadata');
  return import('tsyringe');
}

async function instanceOf(
  made: PluginClass,
  context: PluginContext,
  server: DependencyContainer,
): ReturnType<MakeInstance> {
  const { inject, injectable } = await tsyringe();
  const own = server.createChildContainer();
  own.register(TOKENS.context, { useValue: context });
  own.register(TOKENS.storage, { useValue: context.storage });
  own.register(TOKENS.log, { useValue: context.log });
  own.register(TOKENS.options, { useValue: context.options });
  own.register(TOKENS.handle, { useValue: context.handle });
  own.register(TOKENS.hook, { useValue: context.hook });
  own.register(TOKENS.signal, { useValue: context.signal });
  own.register(TOKENS.onClose, { useValue: context.onClose });
  applyNotes(made, inject);
  mustNameTokens(made);
  // What `@injectable()` does, so that nobody has to write it: tokens alone say what a constructor wants.
  injectable()(made);
  // A registration of its own, since one that a decorator made (`@singleton()`) is shared by all servers.
  own.register(made, { useClass: made });
  // Whether it has a setup method, and that it is a function, was seen when it was recognised.
  return own.resolve(made) as Awaited<ReturnType<MakeInstance>>;
}

/**
 * Looked at before the container does, which gives `undefined` for a parameter that it knows nothing of.
 * @throws TypeError where a parameter of the constructor names no token.
 */
function mustNameTokens(plugin: PluginClass): void {
  const tokens: object = Reflect.getOwnMetadata('injectionTokens', plugin) ?? {};
  // Where the compiler emits them, types can stand for tokens.
  const types: readonly unknown[] = Reflect.getMetadata('design:paramtypes', plugin) ?? [];
  for (let at = 0; at < plugin.length; at += 1) {
    if (at in tokens || types[at] !== undefined) continue;
    throw new TypeError(
      `parameter ${at + 1} of its constructor names no token; write it like "constructor(@inject(TOKENS.storage) storage)".`,
    );
  }
}
