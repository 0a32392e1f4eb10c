/** `jackfield serve`: from the configuration to the last connection. */
import { authority } from '../client/wire-connection.js';
import { JackfieldError } from '../errors.js';
import type { Command, CommandServer, StopSignal, Surroundings } from './command.js';
import { ConsoleTap } from './console-tap.js';
import { prepareServer } from './prepare-server.js';
import { watchFaults } from './watch-faults.js';

export const serve: Command = {
  name: 'serve',
  summary: 'start the server and serve until SIGTERM, SIGINT or a plugin stops it',
  takes: [],
  flags: ['config', 'host', 'port', 'verbose'],
  examples: ['jackfield', 'jackfield serve --config conf/dev.json --port 8080', 'jackfield serve --verbose'],
  async run(call, around) {
    const verbose = call.flags.verbose === true;
    const tap = verbose ? new ConsoleTap((text) => around.stdout.write(text)) : undefined;
    const { server, log } = await prepareServer(call, around, 'info', tap);
    const stop = new StopOnSignal(server, around);
    const endWatch = watchFaults(around.faults, log, () => server.plugins);
    try {
      const { host, port } = await server.listen();
      around.stdout.write(`jackfield listening on http://${authority(host, port)}\n`);
      await Promise.race([server.closed, stop.failed]);
    } catch (error) {
      // A server told to stop while it starts does not come up; that is what was asked for, by a signal or a plugin.
      if (!stop.asked && !isStop(error)) throw error;
    } finally {
      stop.dispose();
      endWatch();
    }
    await stop.done();
    tap?.end();
    return 0;
  },
};

function isStop(error: unknown): boolean {
  return error instanceof JackfieldError && error.code === 'SERVER_CLOSING';
}

const STOP_SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];

/** The first signal stops cleanly, the second at once. */
class StopOnSignal {
  readonly #around: Surroundings;
  readonly #onSignal: () => void;
  #closing: Promise<void> | undefined;
  /** Rejects when the clean stop fails, for then the server may never say that it is closed. */
  readonly failed: Promise<never>;

  constructor(server: CommandServer, around: Surroundings) {
    this.#around = around;
    let fail: (error: unknown) => void = () => {};
    this.failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.failed.catch(() => {});
    this.#onSignal = () => {
      if (this.asked) return around.exit(1);
      this.#closing = server.close();
      this.#closing.catch(fail);
    };
    for (const signal of STOP_SIGNALS) around.signals.on(signal, this.#onSignal);
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
