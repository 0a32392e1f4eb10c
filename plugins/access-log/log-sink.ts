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
const files = new Set<LogSink>();

function reopenAll(): void {
  for (const sink of files) sink.reopen();
}

export class LogSink {
  readonly #options: LogSinkOptions;
  #stream: Destination | undefined;
  /** The code of the last reported fault; reported once until a write succeeds. */
  #fault: unknown;
  #dropped = 0;
  /** The reader of the pipe has closed it. */
  #isBroken = false;
  #file = '';
  /** One at a time. A signal during one asks for another: the file may have been renamed again. */
  #reopening: Promise<void> = Promise.resolve();

  constructor(options: LogSinkOptions) {
    this.#options = options;
  }

  /** @param to An absolute path, or one of the two streams. @throws the system's error for a file. */
  async open(to: string): Promise<void> {
    const isFile = to !== 'stdout' && to !== 'stderr';
    this.#stream = await this.#opened(isFile ? to : to === 'stdout' ? 1 : 2);
    // Files only: for streams, the signal keeps its meaning that the terminal is gone.
    if (!isFile) return;
    this.#file = to;
    if (files.size === 0) process.on('SIGHUP', reopenAll);
    files.add(this);
  }

  /** Opens the file again under its name, as after a rotation. If that fails, the lines still go to the old file. */
  reopen(): void {
    this.#reopening = this.#reopening.then(async () => {
      try {
        const fresh = await this.#opened(this.#file);
        const old = this.#stream;
        this.#stream = fresh;
        this.#isBroken = false;
        old?.end();
      } catch (error) {
        this.#options.log.error(
          { err: error },
          'The access log cannot be opened again; its lines still go to the old file. Fix the cause and send SIGHUP again.',
        );
      }
    });
  }

  /** @param dest An absolute path, or a file descriptor. */
  async #opened(dest: string | number): Promise<Destination> {
    const { maxBufferedOctets: maxLength, mode } = this.#options;
    // Open the file first: the library throws an uncaught exception if it cannot open one.
    if (typeof dest === 'string') await (await open(dest, 'a', mode)).close();
    const stream = pino.destination({ dest, sync: false, append: true, mode, maxLength });
    await once(stream, 'ready');
    stream.on('error', (error) => this.#failed(error));
    stream.on('drop', () => this.#drop());
    stream.on('drain', () => this.#recovered());
    return stream;
  }

  /** @param line With its line end. */
  write(line: string): void {
    if (!this.#isBroken) this.#stream?.write(line);
  }

  /** Resolves when every line is written. */
  async close(): Promise<void> {
    files.delete(this);
    if (files.size === 0) process.off('SIGHUP', reopenAll);
    await this.#reopening;
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
