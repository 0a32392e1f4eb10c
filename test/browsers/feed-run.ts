/**
 * One client of the change feed while connections are cut, and the server is killed, restarted, reloaded and overloaded.
 * Every write has its own revision, so the events themselves show a gap or a repetition.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { type Running, served } from '../support/served.js';
import { Gate } from './gate.js';

/** An event as the client reports it. `error` is the event of `EventSource`; its data is `readyState`. */
export interface Seen {
  readonly name: string;
  readonly id: string;
  readonly data: unknown;
}

/** Opens the feed. @returns a function that gives everything seen so far. */
export type OpenFeed = (t: ExecutionContext, origin: string) => Promise<() => Promise<readonly Seen[]>>;

/** Runs in the page, and in the packages with the interface of `EventSource`. */
export const NAMES = ['position', 'lost', 'change', 'failure'] as const;

const page = (head: string, name: string) => `<!doctype html><title>feed</title>${head}<script>
const seen = [];
const source = new ${name}('/watch');
for (const name of ${JSON.stringify(NAMES)})
  source.addEventListener(name, ({ lastEventId, data }) => seen.push({ name, id: lastEventId, data: JSON.parse(data) }));
source.onerror = () => seen.push({ name: 'error', id: '', data: source.readyState });
</script>`;

/** The second page uses the package that browser programs use instead of `EventSource`. */
const POLYFILL = createRequire(import.meta.url).resolve('event-source-polyfill');
const PAGES = {
  'pages/feed.html': page('', 'EventSource'),
  'pages/polyfill.html': page('<script src="polyfill.js"></script>', 'EventSourcePolyfill'),
};

const HISTORY = 8;

function config(storage: 'json-file' | 'memory', heartbeatMs: number, maxInFlight?: number): string {
  const path = storage === 'json-file' ? { path: 'data.json' } : {};
  return JSON.stringify({
    storage: { adapter: storage, options: { historyChanges: HISTORY, ...path } },
    // On a busy machine it takes long to import the plugins.
    limits: { setupTimeoutMs: 60_000 },
    plugins: [
      'keys',
      { use: 'watch', options: { heartbeatMs } },
      { use: 'static-files', options: { mounts: [{ root: 'pages', prefix: '/pages' }] } },
    ],
    ...(maxInFlight === undefined ? {} : { overload: { maxInFlight, retryAfterSeconds: 1 } }),
  });
}

export class FeedRun {
  readonly #t: ExecutionContext;
  readonly #folder: string;
  readonly #gate: Gate;
  readonly #storage: 'json-file' | 'memory';
  #server: Running | undefined;
  #url = '';
  #writes = 0;
  #heartbeatMs = 15_000;
  #seen: () => Promise<readonly Seen[]> = async () => [];

  private constructor(t: ExecutionContext, folder: string, gate: Gate, storage: 'json-file' | 'memory') {
    this.#t = t;
    this.#folder = folder;
    this.#gate = gate;
    this.#storage = storage;
  }

  static async start(
    t: ExecutionContext,
    openFeed: OpenFeed,
    storage: 'json-file' | 'memory' = 'json-file',
  ): Promise<FeedRun> {
    const folder = await tempFolder(t, { ...PAGES, 'pages/polyfill.js': await readFile(POLYFILL) });
    const run = new FeedRun(t, folder, await Gate.make(t), storage);
    await run.begin();
    await run.open();
    run.#seen = await openFeed(t, run.#gate.url);
    await run.until('the first position', (seen) => seen.some(({ name }) => name === 'position'));
    return run;
  }

  async begin(maxInFlight?: number): Promise<void> {
    const text = config(this.#storage, this.#heartbeatMs, maxInFlight);
    await writeFile(path.join(this.#folder, 'jackfield.config.json'), text);
    const { server, url } = await served(this.#t, this.#folder);
    this.#server = server;
    this.#url = url;
  }

  open(): Promise<void> {
    return this.#gate.open(Number(new URL(this.#url).port));
  }

  /** Breaks off connections and refuses new ones; the server goes on. */
  close(): Promise<void> {
    return this.#gate.close();
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#server?.kill(signal);
    await this.#server?.ended;
  }

  /** Reloads with other options for the plugin, which ends its streams. */
  async reload(): Promise<void> {
    this.#heartbeatMs += 1;
    await writeFile(
      path.join(this.#folder, 'jackfield.config.json'),
      config(this.#storage, this.#heartbeatMs),
    );
    const done = /The configuration was reloaded/g;
    const before = this.#server?.stderr.match(done)?.length ?? 0;
    this.#server?.kill('SIGHUP');
    await this.#server?.until(new RegExp(`(?:The configuration was reloaded[^]*){${before + 1}}`), 'stderr');
  }

  async write(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) {
      this.#writes += 1;
      const { status } = await fetch(`${this.#url}/keys/n`, { method: 'PUT', body: String(this.#writes) });
      if (status >= 300) throw new Error(`A write was answered ${status}.`);
    }
  }

  /** Fills the overload limit. @returns a function that ends those requests. */
  async fill(places: number): Promise<() => Promise<void>> {
    const streams = await Promise.all(Array.from({ length: places }, () => fetch(`${this.#url}/watch`)));
    this.#t.true(streams.every(({ ok }) => ok));
    return async () => {
      await Promise.all(streams.map(({ body }) => body?.cancel()));
    };
  }

  async until(what: string, holds: (seen: readonly Seen[]) => boolean): Promise<void> {
    for (;;) {
      const seen = await this.#seen();
      if (holds(seen)) return;
      const last = seen.at(-1);
      if (last?.name === 'error' && last.data === 2) throw new Error(`The client gave up before ${what}.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The client has the last write. Every change arrived once and in order, and missed changes were reported as lost. */
  async complete(): Promise<{ readonly losses: number }> {
    const { entries } = (await (await fetch(`${this.#url}/keys`)).json()) as {
      entries: { value: string; revision: number }[];
    };
    const reached = entries[0]?.revision ?? 0;
    await this.until(`revision ${reached}`, (seen) => seen.some((one) => revisionOf(one) === reached));
    const seen = (await this.#seen()).filter(({ name }) => name !== 'error' && name !== 'failure');
    let at: number | undefined;
    let losses = 0;
    for (const one of seen) {
      const revision = revisionOf(one);
      this.#t.is(Number(one.id.replace(/-.*/, '')), revision, 'an event has the id of its revision');
      if (one.name === 'lost') losses += 1;
      else if (one.name === 'position') this.#t.is(revision, at ?? revision, 'a position is what was read');
      else this.#t.is(revision, (at ?? 0) + 1, 'no gap, no repetition');
      at = revision;
    }
    return { losses };
  }
}

function revisionOf({ data }: Seen): number {
  return (data as { revision: number }).revision;
}

/** The whole run, with a store that survives its process. */
export async function survivesEverything(t: ExecutionContext, openFeed: OpenFeed): Promise<void> {
  const run = await FeedRun.start(t, openFeed);
  // Cut the connection before the first change: the ID of the first position exists for this case.
  await run.close();
  await run.write(3);
  await run.open();
  t.is((await run.complete()).losses, 0);

  await run.write(2);
  await run.complete();
  await run.end('SIGKILL');
  await run.close();
  await run.begin();
  await run.write(2);
  await run.open();
  t.is((await run.complete()).losses, 0);

  await run.reload();
  await run.write(2);
  t.is((await run.complete()).losses, 0);

  await run.end('SIGTERM');
  await run.close();
  const failures = (seen: readonly Seen[]) => seen.filter(({ name }) => name === 'failure').length;
  await run.begin(2);
  await run.write(2);
  const giveBack = await run.fill(2);
  await run.open();
  await run.until('a refusal for overload', (seen) => failures(seen) > 0);
  await giveBack();
  t.is((await run.complete()).losses, 0);

  await run.close();
  await run.write(4 * HISTORY);
  await run.open();
  t.is((await run.complete()).losses, 1);
  await run.write(2);
  t.is((await run.complete()).losses, 1);
}

/** A store in memory restarts its revisions: the client's old position is reported as lost, not mistaken for a new one. */
export async function noticesRestart(t: ExecutionContext, openFeed: OpenFeed): Promise<void> {
  const run = await FeedRun.start(t, openFeed, 'memory');
  await run.write(3);
  await run.complete();
  await run.end('SIGKILL');
  await run.close();
  await run.begin();
  await run.write(5);
  await run.open();
  t.is((await run.complete()).losses, 1);
  await run.write(1);
  t.is((await run.complete()).losses, 1);
}
