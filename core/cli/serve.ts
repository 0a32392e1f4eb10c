/** `jackfield serve`: runs a server, from the configuration to the last connection. */
import path from 'node:path';
import { resolveConfig } from '../config/validate-config.js';
import { JackfieldError } from '../errors.js';
import type { Log } from '../log.js';
import type { ReloadReport } from '../reload.js';
import type { Command, CommandServer, StopSignal, Surroundings } from './command.js';
import { ConsoleTap } from './console-tap.js';
import { FileWatch } from './file-watch.js';
import { prepareServer } from './prepare-server.js';
import { ReloadOnDemand } from './reload-on-demand.js';

export const serve: Command = {
  name: 'serve',
  summary: 'start the server; SIGTERM, SIGINT or a plugin stops it',
  takes: [],
  flags: ['config', 'host', 'port', 'control', 'watch', 'verbose'],
  examples: ['jackfield', 'jackfield serve --config conf/dev.json --port 8080', 'jackfield serve --verbose'],
  async run(call, around) {
    const verbose = call.flags.verbose === true;
    const tap = verbose ? new ConsoleTap((text) => around.stdout.write(text)) : undefined;
    const prepared = await prepareServer(call, around, 'info', tap);
    const { server, loaded, log } = prepared;
    const { control, watch } = call.flags;
    // Created before the set-up, which may take long, so that changes during it are not lost.
    const watched =
      watch === true && loaded.file !== undefined
        ? new FileWatch(path.resolve(around.cwd, loaded.file))
        : undefined;
    let isUnwatchedLogged = false;
    const unwatched = (reason: string): void => {
      if (isUnwatchedLogged) return;
      isUnwatchedLogged = true;
      log.info(
        { reason },
        'The event loop is not watched, because this process may not start a thread. Set limits.blockedLoopMs to 0 to switch this warning off.',
      );
    };
    const watchLoop = (): void =>
      around.watchdog.watch({
        limitMs: resolveConfig(prepared.loaded.config, prepared.loaded.source).limits.blockedLoopMs,
        plugins: prepared.plugins(),
        hasClients: () => prepared.server.hasClients,
        unwatched,
      });
    const reload = async (): Promise<ReloadReport> => {
      const report = await prepared.reload();
      watchLoop();
      return report;
    };
    const stop = new StopOnSignal(server, around);
    const reloads = new ReloadOnDemand(reload, log, around.signals, () => stop.now());
    try {
      // From here on, because SIGHUP ends a process without a listener. A reload waits for the start.
      reloads.onSignal();
      await server.listen();
      if (control !== undefined) await reloads.onRequest(path.resolve(around.cwd, control));
      if (watch === true) {
        if (watched !== undefined) reloads.onChange(watched);
        else log.warn('There is no configuration file to watch; the server uses the built-in configuration.');
      }
      around.started();
      for (const { url } of server.addresses) around.stdout.write(`jackfield listening on ${url}\n`);
      logNotDurable(server, log);
      watchLoop();
      await Promise.race([server.closed, stop.failed]);
    } catch (error) {
      // If it listens already, the control socket could not be opened.
      await server.close().catch(() => {});
      // A server that is told to stop during its start does not start; a signal or a plugin asked for that.
      if (!stop.asked && !isStop(error)) throw error;
    } finally {
      stop.dispose();
      reloads.dispose();
      around.watchdog.stop();
    }
    await stop.done();
    tap?.end();
    return 0;
  },
};

/**
 * Reports what an operator may not expect. Adapters for database servers report the promises of their server
 * themselves.
 */
function logNotDurable({ storage }: CommandServer, log: Log): void {
  if (storage === undefined || storage.supports.durable || storage.supports.shared !== 'process') return;
  const { name } = storage;
  log.info(
    { adapter: name },
    `The store "${name}" is not durable: its entries may be lost when the server stops.`,
  );
}

function isStop(error: unknown): boolean {
  return error instanceof JackfieldError && error.code === 'SERVER_CLOSING';
}

const STOP_SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];

/** The first signal stops cleanly, the second at once. */
class StopOnSignal {
  readonly #around: Surroundings;
  readonly #server: CommandServer;
  readonly #onSignal: () => void;
  readonly #fail: (error: unknown) => void;
  #closing: Promise<void> | undefined;
  /** Rejects when the clean stop fails: then `closed` may never settle. */
  readonly failed: Promise<never>;

  constructor(server: CommandServer, around: Surroundings) {
    this.#around = around;
    let fail: (error: unknown) => void = () => {};
    this.failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.failed.catch(() => {});
    this.#onSignal = () => this.now();
    this.#fail = fail;
    this.#server = server;
    for (const signal of STOP_SIGNALS) around.signals.on(signal, this.#onSignal);
  }

  now(): void {
    if (this.asked) {
      this.#around.exit(1);
      return;
    }
    this.#closing = this.#server.close();
    this.#closing.catch(this.#fail);
  }

  get asked(): boolean {
    return this.#closing !== undefined;
  }

  /** The outcome of the clean stop, if one was asked for. */
  async done(): Promise<void> {
    await this.#closing;
  }

  dispose(): void {
    for (const signal of STOP_SIGNALS) this.#around.signals.off(signal, this.#onSignal);
  }
}
