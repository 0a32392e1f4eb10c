/** The first step of all commands that have a server: reads the configuration, applies flags, creates the server. */
import { type LoadedConfig, readConfig } from '../config/config-file.js';
import type { ServerConfig } from '../config/server-config.js';
import { markValid } from '../config/validate-config.js';
import type { Tap } from '../connection/transport.js';
import { JackfieldError } from '../errors.js';
import { createLog, type Log, type LogLevel } from '../log.js';
import type { PluginReport } from '../plugin-host/plugin-unit.js';
import type { ReloadReport } from '../reload.js';
import type { StorageAdapter } from '../storage/contract.js';
import type { Call, CommandServer, Surroundings } from './command.js';
import type { FlagValues } from './flags.js';
import { watchFaults } from './watch-faults.js';

export interface PreparedServer {
  server: CommandServer;
  /** The current configuration: from the start, or from the last reload. */
  readonly loaded: LoadedConfig;
  readonly log: Log;
  /** The running plugins, then those that a reload removed: their timers and promises may still fail. */
  readonly plugins: () => readonly PluginReport[];
  /** Creates the server again, over another store. */
  standIn(adapter: StorageAdapter): void;
  /** Reads the configuration again in the same way and reloads the server with it. */
  reload(): Promise<ReloadReport>;
}

/**
 * @param level The log level without `--debug`.
 * Errors: CONFIG_UNREADABLE, CONFIG_SYNTAX, CONFIG_INVALID, USAGE.
 */
export async function prepareServer(
  { flags }: Call,
  around: Surroundings,
  level: LogLevel,
  tap?: Tap,
): Promise<PreparedServer> {
  const loaded = await readConfig(flags.config, around.cwd);
  const log = createLog((line) => around.stderr.write(line), flags.debug === true ? 'debug' : level);
  const { createServer } = await around.loadServer();
  const make = (config: ServerConfig) =>
    createServer(overridden(config, flags), {
      source: loaded.source,
      log,
      traceSetup: flags.debug === true,
      ...(tap === undefined ? {} : { tap }),
    });
  const standIn = (adapter: StorageAdapter) => {
    prepared.server = make(markValid({ ...loaded.config, storage: { adapter } }));
  };
  const reload = async (): Promise<ReloadReport> => {
    const now = await readConfig(flags.config ?? loaded.file, around.cwd);
    const before = prepared.server.plugins;
    const report = await prepared.server.reload(overridden(now.config, flags), now.source);
    for (const plugin of before) former.set(plugin.file ?? '', plugin);
    prepared.loaded = now;
    return report;
  };
  /** By file. */
  const former = new Map<string, PluginReport>();
  const plugins = () => [...prepared.server.plugins, ...former.values()];
  const prepared = { server: make(loaded.config), loaded, log, plugins, standIn, reload };
  watchFaults(around.faults, log, plugins);
  return prepared;
}

/** The command line has checked both flags. Errors: USAGE where there are several listeners, since the flags cannot be meant for each of them. */
function overridden(config: ServerConfig, { host, port }: FlagValues): ServerConfig {
  if (host === undefined && port === undefined) return config;
  const [only = {}, ...others] = [config.listen ?? {}].flat();
  if (others.length > 0) {
    throw new JackfieldError(
      'USAGE',
      `--host and --port replace the address of one listener; the configuration has ${others.length + 1}.`,
    );
  }
  // `--port` replaces a Unix socket.
  const { socket: _, socketMode: __, ...rest } = only;
  const listen = {
    ...rest,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  };
  return markValid({ ...config, listen });
}
