/** Starts `measured-server.ts`: a server in another process whose memory, sockets and log can be read. */
import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import type { ServerConfig } from '../../core/config/server-config.js';

/** Usage of a process after a garbage collection. */
export interface Held {
  /** Octets of the heap and of buffers outside of it. */
  readonly heap: number;
  /** Octets of the whole process. */
  readonly rss: number;
  /** Open connections. */
  readonly sockets: number;
  /** Timers that keep the process alive. */
  readonly timers: number;
  /** Open files of every kind if the system reports them, otherwise 0. */
  readonly files: number;
}

export type Told =
  | { readonly port: number; readonly ports: readonly number[] }
  | { readonly held: Held }
  | { readonly log: Readonly<Record<string, unknown>> };

export class Measured {
  port = 0;
  /** The ports of all its listeners. */
  ports: readonly number[] = [];
  readonly log: Readonly<Record<string, unknown>>[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #news = new EventEmitter();
  #held: Held | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'close').then(([code]) => {
      this.#news.emit('news');
      return code as number | null;
    });
    child.on('message', (told: Told) => {
      if ('log' in told) this.log.push(told.log);
      else if ('held' in told) this.#held = told.held;
      else {
        this.ports = told.ports;
        this.port = told.port;
      }
      this.#news.emit('news');
    });
  }

  static async start(config: ServerConfig = {}): Promise<Measured> {
    const program = path.join(import.meta.dirname, 'measured-server.js');
    const one = new Measured(fork(program, [JSON.stringify(config)], { execArgv: ['--expose-gc'] }));
    await one.#when(() => one.port !== 0);
    return one;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get errors(): readonly Readonly<Record<string, unknown>>[] {
    return this.log.filter(({ level }) => level === 'error');
  }

  /** The current usage, after a garbage collection. */
  async held(): Promise<Held> {
    this.#held = undefined;
    this.#child.send('held');
    await this.#when(() => this.#held !== undefined);
    return this.#held!;
  }

  /** Waits until no connection is open, and returns the usage. */
  async settled(): Promise<Held> {
    for (;;) {
      const held = await this.held();
      if (held.sockets === 0) return held;
    }
  }

  /** Closes the server. The process ends by itself as soon as nothing in it is open. @returns its exit code. */
  stop(): Promise<number | null> {
    this.#child.send('stop');
    return this.#ended;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #when(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (!this.isAlive) throw new Error(`The server has ended: ${JSON.stringify(this.log.slice(-5))}`);
      await once(this.#news, 'news');
    }
  }
}

/** A row for people; memory in mebibytes. */
export function shown(when: string, { heap, rss, sockets, timers, files }: Held): string {
  const mib = (octets: number): string => `${(octets / 2 ** 20).toFixed(1)} MiB`;
  return `${when}: heap ${mib(heap)}, resident ${mib(rss)}, ${sockets} connections, ${timers} timers, ${files} files`;
}
