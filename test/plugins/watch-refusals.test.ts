/** Refusals for `EventSource`, which gives up at every status except 200. Other clients get a status. */
import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/plugin-api.js';
import { StorageError, type WatchedChange } from '../../core/storage/contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import type { EventSourceClient } from './event-source.js';
import { served } from './served.js';
import { Counted, changeFrom, watched } from './watched.js';

/** A refusal as events: the time to wait, `failure` without an ID, the end. */
async function comesAgain(t: ExecutionContext, client: EventSourceClient) {
  t.is(client.response.status, 200);
  t.is(client.response.headers.get('content-type'), 'text/event-stream');
  t.is(client.response.headers.get('cache-control'), 'no-store');
  const { event, id, retry, data } = (await client.next()) ?? {};
  t.deepEqual({ event, id }, { event: 'failure', id: undefined });
  t.is(await client.next(), undefined);
  return { retry: Number(retry), data: JSON.parse(data ?? '') as { status: number; message: string } };
}

test('lost history is an event with a new position, and the feed continues there', async (t) => {
  class Short extends Counted {
    constructor() {
      super({ historyChanges: 2 });
    }
  }
  const store = new Short();
  const { connectAsBrowser, put } = await watched(t, store);
  const first = await connectAsBrowser();
  await first.next();
  const before = first.lastEventId;
  first.close();
  for (const value of ['1', '2', '3', '4']) await put('a', value);
  const client = await connectAsBrowser('', before);
  t.is(client.response.status, 200);
  const lost = await client.until('lost');
  t.is(lost?.id, '4');
  t.like(lost?.data, { revision: 4, code: 'STORAGE_HISTORY_GONE', status: 410 });
  await put('a', '5');
  t.is((await changeFrom(client)).revision, 5);
  // A client whose connection ends right after `lost` continues from its position.
  const next = await connectAsBrowser('', client.lastEventId?.replace(/^5/, '4'));
  t.like(await next.next(), { id: '4', event: 'position' });
  t.is((await changeFrom(next)).revision, 5);
});

for (const [what, id, code] of [
  ['an ID of another start', '2-abcdef', 'STORAGE_HISTORY_GONE'],
  ['a bare number', '2', 'STORAGE_HISTORY_GONE'],
  ['an invalid ID', 'x', 'STORAGE_REVISION_UNKNOWN'],
] as const) {
  test(`${what} is lost history, in the field and in the query`, async (t) => {
    const { connectAsBrowser, put } = await watched(t);
    for (const value of ['1', '2', '3']) await put('a', value);
    for (const client of [
      await connectAsBrowser('', id),
      await connectAsBrowser(`?lastEventId=${id}`),
      ...(id === 'x' ? [] : [await connectAsBrowser(`?after=${id}`)]),
    ]) {
      const lost = await client.until('lost');
      t.is(lost?.id, '3');
      t.like(lost?.data, { revision: 3, code });
      t.regex(String(client.lastEventId), /^3-[0-9a-f]+$/);
    }
  });
}

test('a client that falls behind while it reads gets `lost` and continues', async (t) => {
  /** The reader from revision 0 loses its position at the second change. */
  class Losing extends MemoryAdapter {
    override watch(after: number): AsyncIterable<WatchedChange> {
      const changes = super.watch(after);
      return {
        [Symbol.asyncIterator]: () => {
          const reader = changes[Symbol.asyncIterator]();
          return {
            next: async () => {
              const result = await reader.next();
              if (after === 0 && result.value?.revision === 2)
                throw new StorageError('STORAGE_HISTORY_GONE', 'behind');
              return result;
            },
            return: async () => (await reader.return?.()) ?? { done: true, value: undefined },
          };
        },
      };
    }
  }
  const { connectAsBrowser, connect, put } = await watched(t, new Losing());
  const client = await connectAsBrowser('?after=0');
  const program = await connect('?after=0');
  await put('a', '1');
  t.is((await changeFrom(client)).revision, 1);
  t.is((await changeFrom(program)).revision, 1);
  await put('a', '2');
  t.like(await client.until('lost'), { id: '2', data: { revision: 2, code: 'STORAGE_HISTORY_GONE' } });
  t.truthy(await program.until('failure'), 'a client that did not ask for events may not know `lost`');
  t.is(await program.next(), undefined);
  await put('a', '3');
  t.is((await changeFrom(client)).revision, 3);
});

test('if the store refuses its own last position, the stream ends and the plugin does not try again', async (t) => {
  let asked = 0;
  class Broken extends MemoryAdapter {
    override watch(): AsyncIterable<WatchedChange> {
      return {
        async *[Symbol.asyncIterator](): AsyncGenerator<WatchedChange> {
          asked += 1;
          yield* [];
          throw new StorageError('STORAGE_HISTORY_GONE', 'always');
        },
      };
    }
  }
  const { connectAsBrowser } = await watched(t, new Broken());
  const client = await connectAsBrowser();
  t.truthy(await client.until('lost'));
  t.like(await client.next(), { event: 'failure' });
  t.is(await client.next(), undefined);
  t.is(asked, 2);
});

test('a store that is down is a `failure` with a time to retry, and 503 for other clients', async (t) => {
  class Away extends MemoryAdapter {
    override revision(): number {
      throw new StorageError('STORAGE_UNAVAILABLE', 'secret.example');
    }
  }
  const { connectAsBrowser, url } = await watched(t, new Away());
  const { retry, data } = await comesAgain(t, await connectAsBrowser('', '1-abcdef'));
  t.true(retry >= 5_000 && retry <= 7_500, String(retry));
  t.deepEqual(data, { status: 503, message: 'The store cannot be reached; nothing was changed.' });
  t.is((await fetch(url)).status, 503);
});

test('overload is a `failure` with the time of Retry-After', async (t) => {
  const { connectAsBrowser, url } = await watched(t, new MemoryAdapter(), {
    overload: { maxInFlight: 1, retryAfterSeconds: 20 },
  });
  const first = await connectAsBrowser();
  await first.next();
  const { retry, data } = await comesAgain(t, await connectAsBrowser());
  t.true(retry >= 20_000 && retry <= 30_000, String(retry));
  t.is(data.status, 503);
  const other = await fetch(url);
  t.is(other.status, 503);
  t.is(other.headers.get('retry-after'), '20');
  // Other paths do not change.
  const elsewhere = await fetch(url.replace('/watch', '/keys'), { headers: { accept: 'text/event-stream' } });
  t.is(elsewhere.status, 503);
});

test('a rate limit is a `failure` with a time to retry, under a prefix too', async (t) => {
  const { server, port } = await watched(t, new MemoryAdapter(), {
    plugins: [
      { use: 'rate-limit', options: { rules: [{ name: 'few', limit: 1, windowSeconds: 100 }] } },
      { use: 'watch', prefix: '/feeds' },
    ],
  });
  const url = `http://127.0.0.1:${port}/feeds/watch`;
  const headers = { accept: 'text/event-stream' };
  const first = await fetch(url, { headers });
  await first.body?.cancel();
  const second = await fetch(url, { headers });
  t.is(second.status, 200);
  t.regex(await second.text(), /^retry: \d+\nevent: failure\ndata: \{"status":429,/);
  t.is((await fetch(url)).status, 429);
  await server.close();
});

test('a deadline and a 503 of a hook are a `failure` with a time to retry; faults of the request stay statuses', async (t) => {
  const hang = definePlugin({
    name: 'hang',
    setup({ hook }) {
      hook('handler', ({ query }) => {
        if (query.get('prefix') === 'hang') return new Promise<undefined>(() => {});
        return query.get('prefix') === 'away' ? { status: 503, body: 'away' } : undefined;
      });
    },
  });
  const { connectAsBrowser, url } = await watched(t, new MemoryAdapter(), {
    plugins: [{ use: hang }, 'watch'],
    limits: { handlerTimeoutMs: 1_000 },
  });
  t.is((await comesAgain(t, await connectAsBrowser('?prefix=hang'))).data.status, 503);
  t.like((await comesAgain(t, await connectAsBrowser('?prefix=away'))).data, {
    status: 503,
    message: 'away',
  });
  const headers = { accept: 'text/event-stream' };
  t.is((await fetch(`${url}?since=1`, { headers })).status, 400);
  t.is((await fetch(url, { headers, method: 'PUT' })).status, 405);
});

for (const [accept, isNamed] of [
  ['text/event-stream', true],
  ['application/json, text/event-stream;q=0.5', true],
  ['TEXT/Event-Stream', true],
  ['*/*', false],
  ['text/*', false],
  ['text/event-stream;q=0', false],
] as const) {
  test(`Accept: ${accept} ${isNamed ? 'asks' : 'does not ask'} for an event stream`, async (t) => {
    const { url } = await watched(t);
    const answer = await fetch(`${url}?lastEventId=x`, { headers: { accept } });
    t.is(answer.status, isNamed ? 200 : 400);
    await answer.body?.cancel();
  });
}

test('a refusal as events is 200, and its outcome still has the code of the error', async (t) => {
  const outcomes: (readonly [number, string | undefined])[] = [];
  const witness = definePlugin({
    name: 'witness',
    setup: ({ hook }) => {
      // A hook that adds a field does not hide it.
      hook('response', (_request, response) => ({
        ...response,
        headers: { ...response.headers, 'X-A': 'b' },
      }));
      hook('close', (_request, { status, code }) => void outcomes.push([status, code]));
    },
  });
  const rules = [{ name: 'none', limit: 1, windowSeconds: 3_600 }];
  const server = await served(t, {
    plugins: [witness, { use: 'rate-limit', options: { rules } }, 'get', 'watch'],
  });
  const headers = { Accept: 'text/event-stream' };
  await server.inject({ target: '/' });
  const { status, text } = await server.inject({ target: '/watch', headers });
  t.is(status, 200);
  t.true(text.includes('event: failure'));
  await server.inject({ target: '/watch' });
  t.deepEqual(outcomes, [
    [200, undefined],
    [200, 'RATE_LIMITED'],
    [429, 'RATE_LIMITED'],
  ]);
});
