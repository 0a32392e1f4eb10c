/**
 * Sets up one plugin without a socket and shows its answers, log and claims.
 *
 * ```js
 * const { inject, storage, log, close } = await testPlugin(shout, { options: { mark: '?' } });
 * ```
 */

import { definePlugin, type Storage } from '../api/plugin.js';
import { plainSource } from '../config/config-file.js';
import type { PluginEntry, PluginReference, ServerConfig } from '../config/server-config.js';
import type { InjectRequest, InjectResponse } from '../inject.js';
import { mustKnow } from '../known-members.js';
import { createLog } from '../log.js';
import { loadPlugin } from '../plugin-host/load-plugins.js';
import type { PluginReport } from '../plugin-host/plugin-unit.js';
import { createServer } from '../server.js';

export interface TestPluginOptions {
  /** The options of the plugin, as in a configuration. */
  readonly options?: unknown;
  /** As in a configuration. Default: `memory`. */
  readonly storage?: ServerConfig['storage'];
  /** The path prefix of the plugin. Default: none. */
  readonly prefix?: string;
  /** Other plugins, for example those that it needs. */
  readonly with?: readonly PluginEntry[];
  /** The base folder for relative paths. Absolute. Default: the working folder. */
  readonly folder?: string;
  readonly limits?: ServerConfig['limits'];
}

/** A line of the log: `level`, `time`, `message` and its fields. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface TestedPlugin {
  /** One exchange. Any host is allowed. */
  inject(request?: InjectRequest): Promise<InjectResponse>;
  /** The store of the plugin, to prepare entries and to inspect the result. */
  readonly storage: Storage;
  /** The log of the plugin and its server so far, from level `debug`. */
  readonly log: readonly LogLine[];
  /** The plugin's name, claims and origin. */
  readonly report: PluginReport;
  /** Stops the plugin as a server does. */
  close(): Promise<void>;
}

/** Errors: those of a server's start. After an error, everything that was opened is closed. */
export async function testPlugin(
  plugin: PluginReference,
  given: TestPluginOptions = {},
): Promise<TestedPlugin> {
  mustKnow(given, ['options', 'storage', 'prefix', 'with', 'folder', 'limits'], 'testPlugin');
  const { options, storage = 'memory', prefix, with: others = [], folder = process.cwd(), limits } = given;
  const source = plainSource(folder);
  const lines: LogLine[] = [];
  let store: Storage | undefined;
  const probe = definePlugin({
    name: 'jackfield-test-probe',
    setup(context) {
      store = context.storage;
    },
  });
  const entry = {
    use: plugin,
    ...(options === undefined ? {} : { options }),
    ...(prefix === undefined ? {} : { prefix }),
  };
  // Load it to learn its name; a module is imported only once anyway.
  const { name } = await loadPlugin(entry, 0, source);
  const server = createServer(
    {
      allowedHosts: '*',
      storage,
      plugins: [probe, entry, ...others],
      ...(limits === undefined ? {} : { limits }),
    },
    {
      source,
      log: createLog((line) => lines.push(JSON.parse(line) as LogLine), 'debug'),
      // The author of a plugin that hangs needs to know where.
      traceSetup: true,
    },
  );
  await server.ready();
  const report = server.plugins.find((one) => one.name === name);
  if (store === undefined || report === undefined) throw new TypeError('The plugin was not set up.');
  return {
    inject: (request) => server.inject(request),
    storage: store,
    log: lines,
    report,
    close: () => server.close(),
  };
}
