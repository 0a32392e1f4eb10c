/** A plugin context without a server: keeps the registered handlers, and calls a handler directly. */

import type { ResponseBody, ResponseParts, ResponseValue } from '../../core/api/answer.js';
import type { HandleOptions, Handler, Plugin, PluginContext, Storage } from '../../core/api/plugin.js';
import type { Request } from '../../core/api/request.js';
import { silentLog } from '../../core/log.js';
import type { MaybePromise } from '../../core/maybe-promise.js';
import type { Change, CommitResult, Committed, Dialect, Listing, Page } from '../../core/plugin-api.js';
import type { Entry } from '../../core/storage/contract.js';

export interface Registered {
  readonly method: string;
  readonly pattern: string;
  readonly handler: Handler;
  readonly options: HandleOptions;
}

export interface SetUp {
  readonly handlers: readonly Registered[];
  readonly dialects: readonly Dialect[];
  /** The number of times that the plugin asked the server to stop. */
  readonly shutdowns: () => number;
  /** Calls the only handler of the plugin. */
  readonly call: (request?: FakeRequest) => MaybePromise<ResponseValue>;
}

export function setUp<Options>(
  plugin: Plugin<Options>,
  { storage = new FakeStorage(), options = {} }: { storage?: Storage; options?: unknown } = {},
): SetUp {
  const handlers: Registered[] = [];
  const dialects: Dialect[] = [];
  let shutdowns = 0;
  const validated = plugin.options?.['~standard'].validate(options) ?? { value: {} as Options };
  if (validated instanceof Promise || validated.issues !== undefined)
    throw new Error(JSON.stringify(validated));
  const context: PluginContext<Options> = {
    // A handler gets the names of its pattern. The fake has no patterns, so the cast allows any names.
    handle: (method, pattern, handler, options = {}) =>
      handlers.push({ method, pattern, handler: handler as Handler, options }),
    hook: () => {},
    dialect: (dialect) => dialects.push(dialect),
    forward: (request, method) => ({ status: 200, body: `${method} ${request.path}` }),
    allowedMethods: () => [],
    stats: () => ({ connections: 0, connectionsRefused: 0, requestsRefused: 0, exchanges: 0 }),
    storage,
    log: silentLog,
    options: validated.value,
    signal: new AbortController().signal,
    folder: '/',
    prefix: '',
    onClose: () => {},
    shutdown: () => {
      shutdowns += 1;
    },
  };
  void plugin.setup(context);
  return {
    handlers,
    dialects,
    shutdowns: () => shutdowns,
    call: (request = {}) => handlers[0]!.handler(fakeRequest(request)),
  };
}

export interface FakeRequest {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly remoteAddress?: string;
  readonly trustedPeer?: string;
}

export function fakeRequest({
  method = 'GET',
  target = '/',
  headers = {},
  body = '',
  remoteAddress = '127.0.0.1',
  trustedPeer,
}: FakeRequest = {}): Request {
  const [path = '', query = ''] = target.split('?');
  return {
    method,
    target,
    path,
    query: new URLSearchParams(query),
    params: {},
    headers,
    trailers: {},
    httpVersion: '1.1',
    dialect: '',
    text: async () => body,
    json: async () => JSON.parse(body),
    bytes: async () => Buffer.from(body),
    body: (async function* () {
      yield Buffer.from(body);
    })(),
    remoteAddress,
    trustedPeer,
    protocol: 'http',
    host: 'localhost',
    signal: new AbortController().signal,
    clientEnded: new AbortController().signal,
    inform: () => false,
  };
}

/** Entries in a Map, as in the storage contract; answers synchronously. */
export class FakeStorage implements Storage {
  readonly name = 'fake';
  readonly supports = { durable: false, shared: 'process', bounded: false, watch: false } as const;
  readonly entries = new Map<string, Entry>();
  /** The requested pages. */
  readonly pages: Page[] = [];
  readonly commits: Change[] = [];
  #created = 0;
  #revision = 0;

  constructor(pairs: Iterable<readonly [string, string]> = []) {
    for (const [key, value] of pairs) this.#put(key, value);
  }

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  list(page: Page): MaybePromise<Listing> {
    this.pages.push(page);
    const { prefix = '', after = 0, limit } = page;
    const found = [...this.entries.values()].filter((e) => e.key.startsWith(prefix) && e.created > after);
    const entries = found.slice(0, limit);
    return found.length > limit ? { entries, next: entries.at(-1)!.created } : { entries };
  }

  commit(change: Omit<Change, 'checks'> & { readonly checks?: never }): Committed;
  commit(change: Change): CommitResult;
  commit(change: Change): CommitResult {
    this.commits.push(change);
    const { checks = [], puts = [] } = change;
    const failed = checks.find(({ key, revision }) => (this.entries.get(key)?.revision ?? 0) !== revision);
    if (failed !== undefined) return { ok: false, conflict: failed.key };
    const previous = new Map<string, Entry>();
    this.#revision += 1;
    for (const { key, value } of puts) {
      const old = this.entries.get(key);
      if (old !== undefined) previous.set(key, old);
      this.#put(key, value);
    }
    return { ok: true, revision: this.#revision, previous };
  }

  #put(key: string, value: string): void {
    this.#created += 1;
    const created = this.entries.get(key)?.created ?? this.#created;
    this.entries.set(key, { key, value, created, revision: Math.max(1, this.#revision) });
  }
}

/** The same, but every answer is a promise, as from a store on a disk or over a network. */
export class LateStorage extends FakeStorage {
  override async list(page: Page): Promise<Listing> {
    return super.list(page);
  }
}

/** Status and whole text of an answer that a handler returned. */
export async function settled(returned: MaybePromise<ResponseValue>): Promise<{
  status: number;
  text: string;
  headers: Readonly<Record<string, string | readonly string[]>>;
}> {
  const value = await returned;
  const parts: ResponseParts = isParts(value) ? value : { body: value as ResponseBody };
  const { status = 200, headers = {}, body = '' } = parts;
  return { status, text: await textOf(body), headers: headers as Record<string, string> };
}

/** The built-in plugins return only strings and parts. */
function isParts(value: ResponseValue): value is ResponseParts {
  return typeof value === 'object' && !(Symbol.asyncIterator in value);
}

async function textOf(body: ResponseBody): Promise<string> {
  if (typeof body === 'string') return body;
  let text = '';
  for await (const chunk of body as AsyncIterable<string>) text += chunk;
  return text;
}
