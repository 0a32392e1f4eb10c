import test from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import { FieldText, keepAliveLine } from '../../../core/http/response-head.js';
import { createServer } from '../../../core/server.js';

test("the Keep-Alive timeout is a second less than the server's, in whole seconds, or absent", (t) => {
  t.is(keepAliveLine(65_000), 'Keep-Alive: timeout=64\r\n');
  t.is(keepAliveLine(2_999), 'Keep-Alive: timeout=1\r\n');
  t.is(keepAliveLine(2_000), 'Keep-Alive: timeout=1\r\n');
  t.is(keepAliveLine(1_999), '');
  t.is(keepAliveLine(1), '');
  t.is(keepAliveLine(Number.POSITIVE_INFINITY), '');
});

test('a cached head follows a change of the keep-alive time', (t) => {
  const text = new FieldText('', false, false);
  const ending = (seconds: number): string =>
    `\r\nContent-Length: 1\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`;
  for (const seconds of [5, 5, 5, 9, 9, 5]) {
    t.true(text.whole(200, 'now', 1, keepAliveLine(seconds * 1_000 + 1_000)).endsWith(ending(seconds)));
  }
  t.is(text.whole(200, 'now', 1, ''), 'HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 1\r\n\r\n');
});

test('Keep-Alive follows a reload, and is never sent with Connection: close', async (t) => {
  const plugin = { name: 'x', setup: ({ handle }: PluginContext) => handle('GET', '/', () => 'x') };
  const config = (idleTimeoutMs: number) => ({
    storage: 'memory',
    plugins: [plugin],
    limits: { idleTimeoutMs },
  });
  const server = createServer(config(10_000));
  t.teardown(() => server.close());
  const { port } = await server.listen();
  const fields = async (connection: string): Promise<(string | null)[]> => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: connection } });
    await response.text();
    return [response.headers.get('connection'), response.headers.get('keep-alive')];
  };
  t.deepEqual(await fields('keep-alive'), ['keep-alive', 'timeout=9']);
  t.deepEqual(await fields('close'), ['close', null]);
  await server.reload(config(20_000));
  t.deepEqual(await fields('keep-alive'), ['keep-alive', 'timeout=19']);
  await server.reload(config(1_500));
  t.deepEqual(await fields('keep-alive'), [null, null]);
});
