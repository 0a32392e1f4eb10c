/**
 * What has a serving command reload: SIGHUP, the control socket of `jackfield reload`, and with `--watch` a change of
 * the configuration file. Whoever asked, one reload runs at a time and its outcome is in the log.
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
  /** The last that was asked for, and the one that has not begun. */
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<ControlAnswer> | undefined;

  /**
   * @param reload Reads the configuration and hands it to the server.
   * @param hangUp What SIGHUP means where the terminal of the command is gone.
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
    // The system sends the same signal to those whose terminal is closed, and they are to end.
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
   * One at a time, reading the file included: otherwise what was read earlier could be applied later. Who asks while one
   * runs is answered by the next, however many ask. Never rejects.
   */
  now(): Promise<ControlAnswer> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#running.then(() => {
      // From here on the file is being read, and who asks now may have changed it since.
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

/** Whether this process belongs to a terminal that is still there. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
