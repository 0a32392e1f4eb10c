/**
 * Where the objects of a server meet. One child container per server and one per class plugin, so that two servers in
 * one process share nothing. This file alone calls the container; everyone else is handed what they need.
 */
import 'reflect-metadata';
import { container as root } from 'tsyringe';
import type { ConfigSource } from './config/server-config.js';
import type { ResolvedConfig } from './config/validate-config.js';
import type { Log } from './log.js';
import type { Plugin, PluginContext } from './plugin-api.js';
import type { LoadedPlugin } from './plugin-host/load-plugins.js';
import { type MakeInstance, PluginHost } from './plugin-host/plugin-host.js';
import type { StorageDoor } from './storage/storage-door.js';
import { TOKENS } from './tokens.js';

export interface ServerObjects {
  readonly host: PluginHost;
  readonly makeInstance: MakeInstance;
}

export function assembleServer(
  config: ResolvedConfig,
  source: ConfigSource,
  storage: StorageDoor,
  log: Log,
): ServerObjects {
  const server = root.createChildContainer();
  server.register(TOKENS.config, { useValue: config });
  server.register(TOKENS.source, { useValue: source });
  server.register(TOKENS.storage, { useValue: storage });
  server.register(TOKENS.log, { useValue: log });
  return {
    host: server.resolve(PluginHost),
    makeInstance: (plugin: LoadedPlugin, context: PluginContext): Plugin => {
      if (typeof plugin.made !== 'function') return plugin.made;
      const own = server.createChildContainer();
      own.register(TOKENS.context, { useValue: context });
      own.register(TOKENS.log, { useValue: context.log });
      own.register(TOKENS.options, { useValue: context.options });
      own.register(TOKENS.handle, { useValue: context.handle });
      own.register(TOKENS.hook, { useValue: context.hook });
      own.register(TOKENS.signal, { useValue: context.signal });
      own.register(TOKENS.onClose, { useValue: context.onClose });
      // Only `setup` is called on it; what else a plugin has is told by its class.
      return own.resolve(plugin.made) as Plugin;
    },
  };
}
