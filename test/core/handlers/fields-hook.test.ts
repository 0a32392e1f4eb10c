/** Hooks of the stage `fields`: they add fields to every answer, and see nothing of its content. */
import test, { type ExecutionContext } from 'ava';
import type { Hooks, PluginContext } from '../../../core/api/plugin.js';
import { handlers, plugin, request, type Served, serve } from '../../support/raw-client.js';

async function hooked(t: ExecutionContext, ...fns: readonly Hooks['fields'][]): Promise<Served> {
  const pages = handlers({
    'GET /': () => 'five!',
    'GET /fields': () => ({ headers: { 'X-A': 'answer', Vary: 'Accept', ETag: '"1"' }, body: 'five!' }),
    'GET /fails': () => {
      throw new Error('my fault');
    },
    'POST /': async (incoming) => await incoming.text(),
    'GET /switch': () => ({
      status: 101,
      headers: { Upgrade: 'x' },
      takeOver: (stream) => void stream.end(),
    }),
  });
  const hooking = fns.map((fn, at) =>
    plugin(`hooking${at}`, ({ hook }: PluginContext) => hook('fields', fn)),
  );
  return serve(t, { plugins: [...hooking, pages], limits: { maxBodyOctets: 10 } });
}

async function answer({ connect }: Served, octets: string) {
  const client = await connect();
  client.send(octets);
  return client.response();
}

test('every answer gets the fields: of a handler, of an error, of a refusal by the server, of a takeover', async (t) => {
  const seen: number[] = [];
  const served = await hooked(t, (_request, status) => {
    seen.push(status);
    return { 'X-Seen': String(status) };
  });
  for (const [octets, status] of [
    [request('GET /'), 200],
    [request('GET /nowhere'), 404],
    [request('GET /fails'), 500],
    [request('PURGE /'), 405],
    ['GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n', 400],
    [request('POST /', ['Content-Length: 11']), 413],
    [request('GET /fields', ['If-None-Match: "1"']), 304],
    [request('GET /switch', ['Connection: Upgrade', 'Upgrade: x']), 101],
  ] as const) {
    const { status: given, fields } = await answer(served, octets);
    t.is(given, status, octets);
    t.deepEqual(fields.get('x-seen'), [String(status)], octets);
  }
  t.deepEqual(seen, [200, 404, 500, 405, 400, 413, 304, 101]);
});

test('a field of the answer is replaced, and Vary is added to', async (t) => {
  const served = await hooked(
    t,
    () => ({ 'x-a': 'hook', vary: 'Origin' }),
    () => ({ 'x-b': 'b', 'x-a': 'last' }),
    () => undefined,
  );
  const { fields, body } = await answer(served, request('GET /fields'));
  t.deepEqual(fields.get('x-a'), ['last']);
  t.deepEqual(fields.get('x-b'), ['b']);
  t.is(fields.get('vary')?.join(', '), 'Accept, Origin');
  t.deepEqual(fields.get('etag'), ['"1"']);
  t.deepEqual([fields.get('content-length'), body], [['5'], 'five!']);
});

test('a hook that fails or sets what it may not is logged, and the answer goes without its part', async (t) => {
  const wrong: Hooks['fields'][] = [
    () => {
      throw new Error('my fault');
    },
    () => ({ 'X-A': 'a\r\nX-Evil: 1' }),
    () => ({ 'Content-Length': '1' }),
    () => ({ 'Content-Type': 'text/html' }),
    () => ({ Connection: 'close' }),
    () => ({ 'Transfer-Encoding': 'chunked' }),
    () => ({ 'X-A': 1 as unknown as string }),
    (() => Promise.reject(new Error('late'))) as unknown as Hooks['fields'],
  ];
  const served = await hooked(t, ...wrong, () => ({ 'X-B': 'b' }));
  const { status, fields, body } = await answer(served, request('GET /'));
  t.deepEqual([status, body, fields.get('x-b')], [200, 'five!', ['b']]);
  t.deepEqual(fields.get('x-a'), undefined);
  t.deepEqual(fields.get('x-evil'), undefined);
  t.deepEqual(
    served.log.filter(({ level }) => level === 'error').map(({ plugin: name }) => name),
    wrong.map((_, at) => `hooking${at}`),
  );
});

test('answers of equal headers get their own fields', async (t) => {
  let count = 0;
  const served = await hooked(t, () => ({ 'X-Count': String(++count) }));
  const client = await served.connect();
  client.send(request('GET /').repeat(3));
  for (const expected of ['1', '2', '3'])
    t.deepEqual((await client.response()).fields.get('x-count'), [expected]);
});
