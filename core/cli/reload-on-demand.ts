/**
 * The triggers of a reload of `jackfield serve`: SIGHUP, the control socket of `jackfield reload`, and with `--watch` a
 * change of the configuration file. One reload runs at a time, and its outcome is logged.
 */
import { closeSync, openSync } from 'node:fs';
import type { Log } from '../log.js';
import type { ReloadReport } from '../reload.js';
import type { Surroundings } from './command.js';
import type { FileWatch } from './file-watch.js';
import { type ControlAnswer, ReloadControl } from './reload-control.js';
import { linesOf } from './report-error.js';

export class ReloadOnDemand {
  readonly #reload: () => Promise<ReloadReport>;
  readonly #log: Log;
  readonly #signals: Surroundings['signals'];
  readonly #onSignal: () => void;
  #control: ReloadControl | undefined;
  #watch: FileWatch | undefined;
  /** The last requested reload; and the one that has not begun. */
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<ControlAnswer> | undefined;

  /**
   * @param reload Reads the configuration and reloads the server.
   * @param hangUp Called on SIGHUP if the terminal of the command is closed.
   */
  constructor(
    reload: () => Promise<ReloadReport>,
    log: Log,
    signals: Surroundings['signals'],
    hangUp: () => void,
  ) {
    this.#reload = reload;
    this.#log = log;
    this.#signals = signals;
    const hadTerminal = hasTerminal();
    // The system also sends SIGHUP when the terminal closes; then the process should end.
    this.#onSignal = () => (hadTerminal && !hasTerminal() ? hangUp() : void this.now());
  }

  onSignal(): void {
    this.#signals.on('SIGHUP', this.#onSignal);
  }

  /** Errors: SOCKET_IN_USE, SOCKET_UNAVAILABLE. */
  async onRequest(socket: string): Promise<void> {
    this.#control = await ReloadControl.listen(socket, () => this.now());
  }

  onChange(file: FileWatch): void {
    this.#watch = file;
    file.start(() => void this.now());
  }

  /**
   * One reload at a time, including reading the file: otherwise an older configuration could be applied after a newer
   * one. All requests during a reload share the next one. Never rejects.
   */
  now(): Promise<ControlAnswer> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#running.then(() => {
      // The file is read from here on: a later request may follow a later change, so it needs another reload.
      this.#next = undefined;
      return this.#once();
    });
    this.#next = next;
    this.#running = next;
    return next;
  }

  async #once(): Promise<ControlAnswer> {
    try {
      const { started, kept, left, changedFiles } = await this.#reload();
      const lines = [
        `reloaded: ${counted(started, 'started')}, ${counted(kept, 'kept')}, ${counted(left, 'closed')}`,
      ];
      for (const file of changedFiles)
        lines.push(`${file} has changed, but a reload does not reload code: restart the server to run it`);
      return { ok: true, lines };
    } catch (error) {
      this.#log.error({ err: error }, 'Reload failed; the previous configuration stays in force.');
      return { ok: false, lines: linesOf(error, false) };
    }
  }

  dispose(): void {
    this.#signals.off('SIGHUP', this.#onSignal);
    this.#control?.stop();
    this.#watch?.stop();
  }
}

function counted(names: readonly string[], what: string): string {
  return names.length === 0 ? `none ${what}` : `${names.length} ${what} (${names.join(', ')})`;
}

/** Whether this process has a terminal that is still open. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
