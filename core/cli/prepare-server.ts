/** What all commands that have a server do first: read the configuration, let flags override it, make the server. */
import { type LoadedConfig, readConfig } from '../config/config-file.js';
import type { ServerConfig } from '../config/server-config.js';
import type { Tap } from '../connection/transport.js';
import { createLog, type Log, type LogLevel } from '../log.js';
import type { Call, CommandServer, Surroundings } from './command.js';
import type { FlagValues } from './flags.js';

export interface PreparedServer {
  readonly server: CommandServer;
  readonly loaded: LoadedConfig;
  readonly log: Log;
}

/**
 * @param level What is logged without `--debug`.
 * Errors: CONFIG_UNREADABLE, CONFIG_SYNTAX, CONFIG_INVALID.
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
  const server = createServer(overridden(loaded.config, flags), {
    source: loaded.source,
    log,
    ...(tap === undefined ? {} : { tap }),
  });
  return { server, loaded, log };
}

function overridden(config: ServerConfig, { host, port }: FlagValues): ServerConfig {
  if (host === undefined && port === undefined) return config;
  const listen = {
    ...config.listen,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  };
  return { ...config, listen };
}
