/** The output of log lines: written in the background and in order, with a bounded number of octets waiting. */
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import pino from 'pino';
import type { Log } from '../../core/plugin-api.js';

export interface LogSinkOptions {
  readonly maxBufferedOctets: number;
  /** The mode of a new file. */
  readonly mode: number;
  readonly log: Log;
}

type Destination = ReturnType<typeof pino.destination>;

/** One listener for all logs of a process: Node warns after ten. */
const reopeners = new Set<() => void>();

function reopenAll(): void {
  for (const reopen of reopeners) reopen();
}

export class LogSink {
  readonly #options: LogSinkOptions;
  #stream: Destination | undefined;
  /** The code of the last reported fault; reported once until a write succeeds. */
  #fault: unknown;
  #dropped = 0;
  /** The reader of the pipe has closed it. */
  #isBroken = false;
  readonly #reopen = (): void => this.#stream?.reopen();

  constructor(options: LogSinkOptions) {
    this.#options = options;
  }

  /** @param to An absolute path, or one of the two streams. @throws the system's error for a file. */
  async open(to: string): Promise<void> {
    const { maxBufferedOctets: maxLength, mode } = this.#options;
    const isFile = to !== 'stdout' && to !== 'stderr';
    // Open the file first: the library throws an uncaught exception if it cannot open one.
    if (isFile) await (await open(to, 'a', mode)).close();
    const dest = isFile ? to : to === 'stdout' ? 1 : 2;
    const stream = pino.destination({ dest, sync: false, append: true, mode, maxLength });
    await once(stream, 'ready');
    this.#stream = stream;
    stream.on('error', (error) => this.#failed(error));
    stream.on('drop', () => this.#drop());
    stream.on('drain', () => this.#recovered());
    // Files only: for streams, the signal keeps its meaning that the terminal is gone.
    if (!isFile) return;
    if (reopeners.size === 0) process.on('SIGHUP', reopenAll);
    reopeners.add(this.#reopen);
  }

  /** @param line With its line end. */
  write(line: string): void {
    if (!this.#isBroken) this.#stream?.write(line);
  }

  /** Resolves when every line is written. */
  async close(): Promise<void> {
    reopeners.delete(this.#reopen);
    if (reopeners.size === 0) process.off('SIGHUP', reopenAll);
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined || this.#isBroken) return;
    const closed = once(stream, 'close');
    stream.end();
    await closed;
  }

  #failed(error: Error): void {
    const code: unknown = Reflect.get(error, 'code');
    this.#isBroken = code === 'EPIPE';
    if (code === this.#fault) return;
    this.#fault = code;
    this.#options.log.error({ err: error }, 'The access log cannot be written to.');
  }

  #drop(): void {
    if (this.#dropped++ === 0) this.#options.log.warn('Lines of the access log are being dropped.');
  }

  #recovered(): void {
    this.#fault = undefined;
    if (this.#dropped === 0) return;
    this.#options.log.warn({ lines: this.#dropped }, 'Lines of the access log were dropped.');
    this.#dropped = 0;
  }
}
