/** Hooks: their order, and what each may change. */
import test from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import { HttpError } from '../../../core/handlers/http-error.js';
import { field, plugin, request, serve } from '../../support/raw-client.js';

/** A plugin that records when its hooks run. */
const noting = (name: string, notes: string[]) =>
  plugin(name, ({ hook }: PluginContext) => {
    for (const stage of ['request', 'handler', 'response', 'error'] as const) {
      hook(stage, async ({ path }: { readonly path: string }) => {
        await Promise.resolve();
        if (path !== '/probe') notes.push(`${stage} ${name}`);
      });
    }
    hook('close', ({ path }) => {
      if (path !== '/probe') notes.push(`close ${name}`);
    });
  });

test('hooks run stage by stage, and within a stage in the order of the plugins', async (t) => {
  const notes: string[] = [];
  const { get } = await serve(t, {
    plugins: [
      noting('a', notes),
      noting('b', notes),
      plugin('handles', ({ handle }) =>
        handle('GET', '/', () => {
          notes.push('handler itself');
          return 'x';
        }),
      ),
    ],
  });
  t.is((await get('/')).body, 'x');
  await get('/probe');
  t.deepEqual(notes, [
    'request a',
    'request b',
    'handler a',
    'handler b',
    'handler itself',
    'response a',
    'response b',
    'close a',
    'close b',
  ]);
});

test('errors pass the error hooks and then the response hooks', async (t) => {
  const notes: string[] = [];
  const { get } = await serve(t, {
    plugins: [
      noting('a', notes),
      plugin('fails', ({ handle }) =>
        handle('GET', '/', () => {
          throw new HttpError(418, 'x');
        }),
      ),
    ],
  });
  t.is((await get('/')).status, 418);
  await get('/probe');
  t.deepEqual(notes, ['request a', 'handler a', 'error a', 'response a', 'close a']);
});

test('a request without a handler passes the request, error and response hooks', async (t) => {
  const notes: string[] = [];
  const { get } = await serve(t, { plugins: [noting('a', notes)] });
  t.is((await get('/none')).status, 404);
  await get('/probe');
  t.deepEqual(notes, ['request a', 'error a', 'response a', 'close a']);
});

test('a request for a host that is not allowed reaches no request hook and no handler', async (t) => {
  const notes: string[] = [];
  const { connect } = await serve(t, { plugins: [noting('a', notes)] });
  const client = await connect();
  client.send('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  t.is((await client.response()).status, 400);
  t.false(notes.includes('request a'));
});

test('a request or handler hook that answers ends its stage, and the handler does not run', async (t) => {
  for (const stage of ['request', 'handler'] as const) {
    let ran = false;
    const { get } = await serve(t, {
      plugins: [
        plugin('first', ({ hook }) => hook(stage, ({ path }) => (path === '/' ? 'short cut' : undefined))),
        plugin('second', ({ hook, handle }) => {
          hook(stage, ({ path }) => {
            ran ||= path === '/';
          });
          handle('GET', '/', () => {
            ran = true;
            return 'x';
          });
        }),
      ],
    });
    t.is((await get('/')).body, 'short cut');
    t.false(ran);
  }
});

test('a handler hook has the parameters of the matching handler', async (t) => {
  const seen: unknown[] = [];
  const { get } = await serve(t, {
    plugins: [
      plugin('sees', ({ hook }) => hook('handler', ({ params }) => void seen.push({ ...params }))),
      plugin('handles', ({ handle }) => handle('GET', '/k/:key', () => 'x')),
    ],
  });
  await get('/k/a%20b');
  t.deepEqual(seen, [{ key: 'a b' }]);
});

test('a response hook replaces the answer, and the next hook gets the new one', async (t) => {
  const { get } = await serve(t, {
    plugins: [
      plugin('handles', ({ handle }) => handle('GET', '/', () => ({ headers: { 'X-A': '1' }, body: 'x' }))),
      plugin('adds', ({ hook }) =>
        hook('response', (_, { headers, ...rest }) => ({ ...rest, headers: { ...headers, 'x-b': '2' } })),
      ),
      plugin('wraps', ({ hook }) =>
        hook('response', (_, { headers, body }) => ({ headers: headers ?? {}, body: `<${String(body)}>` })),
      ),
    ],
  });
  const response = await get('/');
  t.is(response.body, '<x>');
  t.is(field(response, 'x-a'), '1');
  t.is(field(response, 'x-b'), '2');
});

test('a response hook may wrap a stream', async (t) => {
  const { get } = await serve(t, {
    plugins: [
      plugin('handles', ({ handle }) =>
        handle('GET', '/', async function* () {
          yield 'a';
          yield 'b';
        }),
      ),
      plugin('wraps', ({ hook }) =>
        hook('response', ({ path }, { body, ...rest }) => {
          if (path !== '/') return undefined;
          return {
            ...rest,
            body: (async function* () {
              for await (const part of body as AsyncIterable<string>) yield part.toUpperCase();
            })(),
          };
        }),
      ),
    ],
  });
  t.is((await get('/')).body, 'AB');
});

test('an error hook replaces the error response and gets the thrown error', async (t) => {
  const thrown = new Error('on purpose');
  let seen: unknown;
  const { get, log } = await serve(t, {
    plugins: [
      plugin('fails', ({ handle }) =>
        handle('GET', '/', () => {
          throw thrown;
        }),
      ),
      plugin('tells', ({ hook }) =>
        hook('error', (_, error) => {
          seen = error;
          return { status: 502, body: 'told' };
        }),
      ),
    ],
  });
  const response = await get('/');
  t.is(response.status, 502);
  t.is(response.body, 'told');
  t.is(seen, thrown);
  t.is(log[0]?.plugin, 'fails');
});

test('the close hook runs once for each exchange, even if it was aborted', async (t) => {
  const closed: string[] = [];
  let tell: () => void = () => {};
  const { connect } = await serve(t, {
    plugins: [
      plugin('counts', ({ hook, handle }) => {
        handle('GET', '/hangs', () => new Promise(() => {}));
        hook('close', ({ path }) => {
          closed.push(path);
          tell();
        });
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /probe') + request('GET /none') + request('GET /hangs'));
  t.is((await client.response()).body, 'alive');
  t.is((await client.response()).status, 404);
  const broken = new Promise<void>((resolve) => {
    tell = resolve;
  });
  client.reset();
  await broken;
  t.deepEqual(closed, ['/probe', '/none', '/hangs']);
});

test('a forwarded request has the new method and is otherwise the same', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      plugin('forwards', ({ handle, forward }) => {
        handle('POST', '/:name', (incoming) => forward(incoming, 'REALLY'));
        handle('REALLY', '/:id', async (incoming) =>
          JSON.stringify([incoming.method, incoming.params, incoming.headers['x-a'], await incoming.text()]),
        );
        handle('LOST', '/:name', (incoming) => forward(incoming, 'NEVER'));
      }),
    ],
  });
  const client = await connect();
  client.send(request('POST /a?b', ['X-A: 1', 'Content-Length: 4'], 'body') + request('LOST /a'));
  t.deepEqual(JSON.parse((await client.response()).body), ['REALLY', { id: 'a' }, '1', 'body']);
  t.is((await client.response()).status, 405);
});
