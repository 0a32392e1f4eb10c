/** The output of log lines: written in the background and in order, with a bounded number of octets waiting. */
import { once } from 'node:events';
import { open } from 'node:fs';
import { promisify } from 'node:util';
import pino from 'pino';
import type { Log } from '../../core/plugin-api.js';

export interface LogSinkOptions {
  readonly maxBufferedOctets: number;
  /** The mode of a new file. */
  readonly mode: number;
  readonly log: Log;
}

/** A plain descriptor, which the stream closes; a `FileHandle` would close itself. */
const openFile = promisify(open);

/** Characters of lines that are written together. */
const MOST_TOGETHER = 16_384;

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
  /** Not yet given to the stream. */
  #lines = '';
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
        this.#flush();
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
    // Not opened by the library, which throws an uncaught exception if it cannot.
    const fd = typeof dest === 'string' ? await openFile(dest, 'a', mode) : dest;
    const stream = pino.destination({ dest: fd, sync: false, maxLength });
    await once(stream, 'ready');
    stream.on('error', (error) => this.#failed(error));
    stream.on('drop', (lines: string) => this.#drop(lines));
    stream.on('drain', () => this.#recovered());
    return stream;
  }

  /** @param line With its line end. The lines of one turn of the event loop are written together. */
  write(line: string): void {
    if (this.#lines === '') setImmediate(this.#flush);
    this.#lines += line;
    // The stream drops what is too much as a whole.
    if (this.#lines.length > Math.min(MOST_TOGETHER, this.#options.maxBufferedOctets / 4)) this.#flush();
  }

  readonly #flush = (): void => {
    const lines = this.#lines;
    this.#lines = '';
    if (!this.#isBroken && lines !== '') this.#stream?.write(lines);
  };

  /** Resolves when every line is written. */
  async close(): Promise<void> {
    files.delete(this);
    if (files.size === 0) process.off('SIGHUP', reopenAll);
    await this.#reopening;
    this.#flush();
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

  #drop(lines: string): void {
    const before = this.#dropped;
    this.#dropped += lines.split('\n').length - 1;
    if (before === 0) this.#options.log.warn('Lines of the access log are being dropped.');
  }

  #recovered(): void {
    this.#fault = undefined;
    if (this.#dropped === 0) return;
    this.#options.log.warn({ lines: this.#dropped }, 'Lines of the access log were dropped.');
    this.#dropped = 0;
  }
}
