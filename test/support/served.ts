/** The command `jackfield` as separate processes: started, watched, stopped, and never left running. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ExecutionContext } from 'ava';
import { NODE_OPTIONS } from './read-path.js';

// From dist/test/support.
const MAIN = path.resolve(import.meta.dirname, '../../core/cli/main.js');
const WITNESS = pathToFileURL(path.join(import.meta.dirname, 'listen-witness.js')).href;

/** More at once would only wait for each other and miss deadlines. */
const AT_ONCE = 3;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** All ports that it listened on, one per line. */
  readonly listened: string;
}

type Stream = 'stdout' | 'stderr' | 'listened';

/** One process. */
export class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #written = { stdout: '', stderr: '', listened: '' };
  readonly #news = new EventEmitter();
  #hasEnded = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#news.setMaxListeners(0);
    const streams: readonly Stream[] = ['stdout', 'stderr', 'listened'];
    for (const [at, name] of streams.entries()) {
      child.stdio[at + 1]?.on('data', (octets: Buffer) => {
        this.#written[name] += octets.toString();
        this.#news.emit('news');
      });
    }
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#hasEnded = true;
      this.#news.emit('news');
      return { code, signal, ...this.#written };
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#written.stdout;
  }

  get stderr(): string {
    return this.#written.stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when this was written; rejects if the process ends first. */
  async until(pattern: RegExp, stream: Stream = 'stdout'): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#written[stream]);
      if (found !== null) return found;
      if (this.#hasEnded) throw new Error(`${pattern} was not written, but:\n${this.stdout}${this.stderr}`);
      await once(this.#news, 'news');
    }
  }

  /** Its log lines; other lines of stderr are left out. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.stderr.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line));
  }
}

/** Starts the command. The process ends with the test, even if the test fails. */
export function start(t: ExecutionContext, argv: readonly string[], cwd: string): Running {
  const child = spawn(process.execPath, ['--import', WITNESS, MAIN, ...argv], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS },
  });
  const running = new Running(child);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await running.ended;
  });
  return running;
}

let running = 0;
const waiting: (() => void)[] = [];

/** Runs the command to its end. */
export async function ran(t: ExecutionContext, argv: readonly string[], cwd: string): Promise<Ended> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await start(t, argv, cwd).ended;
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

export interface Served {
  readonly server: Running;
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

/** Starts `jackfield serve` on a free port and waits for its ready line. */
export async function served(
  t: ExecutionContext,
  cwd: string,
  flags: readonly string[] = [],
): Promise<Served> {
  const server = start(t, ['serve', '--port', '0', ...flags], cwd);
  const [, url = '', port] = await server.until(/^jackfield listening on (http:\/\/127\.0\.0\.1:(\d+))\n/);
  return { server, port: Number(port), url };
}
