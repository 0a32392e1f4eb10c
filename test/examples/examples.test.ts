/** Runs every example as its first lines say. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { MAIN, ROOT, type RunningServer, runToEnd, serve } from '../repository.js';
import { postgresMissing, startPostgres } from '../support/postgres-server.js';
import { redisMissing, startRedis } from '../support/redis-server.js';

const inExamples = (...names: string[]): string => path.join(ROOT, 'examples', ...names);

/** Serves the configuration of one example. */
function example(t: ExecutionContext, name: string): Promise<RunningServer> {
  return serve(t, ['--config', inExamples(name, 'jackfield.config.json')]);
}

/** Returns status and body of an answer. `fetch` sends any method. */
async function ask(
  { url }: RunningServer,
  method: string,
  target: string,
  body?: string,
): Promise<readonly [status: number, body: string]> {
  const response = await fetch(url + target, { method, ...(body === undefined ? {} : { body }) });
  return [response.status, await response.text()];
}

test('every example has a test in this file', async (t) => {
  const folders = (await readdir(inExamples(), { withFileTypes: true })).filter((found) =>
    found.isDirectory(),
  );
  const files = (await readdir(path.join(ROOT, 'test/examples'))).filter((name) => name.endsWith('.test.ts'));
  const texts = files.map((name) => readFile(path.join(ROOT, 'test/examples', name), 'utf8'));
  const tests = (await Promise.all(texts)).join('\n');
  for (const { name } of folders) t.true(tests.includes(`test('${name}: `), name);
});

// test/service/new-project.test.ts tests the projects that they become.
test('templates: each kind of project has one in both languages', async (t) => {
  t.deepEqual((await readdir(inExamples('templates'))).sort(), [
    'adapter',
    'plugin',
    'server',
    'tsconfig.json',
  ]);
  for (const kind of ['adapter', 'plugin', 'server']) {
    t.deepEqual((await readdir(inExamples('templates', kind))).sort(), ['javascript', 'typescript'], kind);
  }
});

test('configuration-only: methods without a plugin are 405, and the limit for bodies applies', async (t) => {
  const server = await example(t, 'configuration-only');
  t.deepEqual(await ask(server, 'POST', '/create', 'a: 1'), [200, 'a:1\r\nPost Successfully OK']);
  t.deepEqual(await ask(server, 'GET', '/'), [200, 'The data in DB is as follows. \n\na:1']);
  t.deepEqual(await ask(server, 'PUT', '/update', 'a: 2'), [405, 'Method not allowed: PUT']);
  t.deepEqual(await ask(server, 'END', '/'), [405, 'Method not allowed: END']);
  const [status] = await ask(server, 'POST', '/create', `b: ${'x'.repeat(65_536)}`);
  t.is(status, 413);
});

test('custom-method: SHOUT answers according to its options, PURGE deletes an entry', async (t) => {
  const server = await example(t, 'custom-method');
  t.deepEqual(await ask(server, 'SHOUT', '/', 'good morning'), [200, 'GOOD MORNING?!']);
  t.deepEqual(await ask(server, 'POST', '/create', 'a: 1'), [200, 'a:1\r\nPost Successfully OK']);
  t.deepEqual(await ask(server, 'PURGE', '/keys/a'), [204, '']);
  t.deepEqual(await ask(server, 'PURGE', '/keys/a'), [404, '']);
  t.deepEqual(await ask(server, 'GET', '/'), [200, 'No data in DB']);
});

test('keys: a counter that many clients increment loses no step', async (t) => {
  const server = await example(t, 'keys');
  const script = inExamples('keys/counter.js');
  const runs = await Promise.all([1, 2].map(() => runToEnd(process.execPath, [script, server.url])));
  for (const { code, stderr } of runs) t.is(code, 0, stderr);
  t.deepEqual(await ask(server, 'GET', '/keys/counter'), [200, '20']);
});

test('watch: the mirror lists once, then follows the feed', async (t) => {
  const server = await example(t, 'watch');
  await ask(server, 'PUT', '/keys/a', '1');
  const child = spawn(process.execPath, [inExamples('watch/mirror.js'), server.url]);
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as unknown;
  t.is(await next(), '1 entries');
  await ask(server, 'PUT', '/keys/a', '2');
  t.is(await next(), 'a = 2');
  await ask(server, 'DELETE', '/keys/a');
  t.is(await next(), 'a is gone');
});

test('custom-adapter: entries are in the file when the server starts again', async (t) => {
  // A copy, so that no data stays in the examples; inside the repository, so that it can import the package.
  const folder = await mkdtemp(path.join(ROOT, 'dist/example-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await cp(inExamples('custom-adapter'), folder, { recursive: true });
  const args = ['--config', path.join(folder, 'jackfield.config.json')];
  const first = await serve(t, args);
  t.deepEqual(await ask(first, 'POST', '/create', 'a: 1&b: 2'), [200, 'a:1\r\nb:2\r\nPost Successfully OK']);
  t.is((await ask(first, 'PUT', '/update', 'a: 3'))[0], 200);
  t.is(await first.stop(), 0);
  const second = await serve(t, args);
  t.deepEqual(await ask(second, 'GET', '/'), [200, 'The data in DB is as follows. \n\na:3\n\nb:2']);
  t.is(await second.stop(), 0);
});

test('custom-adapter: it keeps the contract of all adapters', async (t) => {
  const file = inExamples('custom-adapter/journal.test.js');
  const { code, stdout } = await runToEnd(process.execPath, ['--test', '--test-reporter=tap', file]);
  t.is(code, 0, stdout);
  t.regex(stdout, /^# fail 0$/m);
  t.true(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) > 40);
});

test('custom-feed: a mirror follows puts, deletes and expiries', async (t) => {
  const server = await example(t, 'custom-feed');
  const child = spawn(process.execPath, [inExamples('watch/mirror.js'), server.url]);
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as unknown;
  t.is(await next(), '0 entries');
  await ask(server, 'PUT', '/keys/a', '1');
  t.is(await next(), 'a = 1');
  await ask(server, 'PUT', '/keys/b?ttlMs=20', '2');
  t.is(await next(), 'b = 2');
  t.is(await next(), 'b is gone');
  await ask(server, 'DELETE', '/keys/a');
  t.is(await next(), 'a is gone');
});

test('custom-feed: it keeps the contract of all adapters', async (t) => {
  const file = inExamples('custom-feed/shelf.test.js');
  const { code, stdout } = await runToEnd(process.execPath, ['--test', '--test-reporter=tap', file]);
  t.is(code, 0, stdout);
  t.regex(stdout, /^# fail 0$/m);
  t.true(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) > 50);
});

test('lmdb: two servers share one store, and its entries survive a restart', async (t) => {
  const folder = await mkdtemp(path.join(ROOT, 'dist/example-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await cp(inExamples('lmdb/jackfield.config.json'), path.join(folder, 'jackfield.config.json'));
  const args = ['--config', path.join(folder, 'jackfield.config.json')];
  const servers = [await serve(t, args), await serve(t, args)] as const;
  const [one, other] = servers;
  t.deepEqual(await ask(one, 'POST', '/create', 'a: 1&b: 2'), [200, 'a:1\r\nb:2\r\nPost Successfully OK']);
  t.deepEqual(await ask(other, 'GET', '/'), [200, 'The data in DB is as follows. \n\na:1\n\nb:2']);
  t.is((await ask(other, 'PUT', '/update', 'a: 3'))[0], 200);
  t.deepEqual(await ask(one, 'GET', '/'), [200, 'The data in DB is as follows. \n\na:3\n\nb:2']);
  for (const server of servers) t.is(await server.stop(), 0);
  const again = await serve(t, args);
  t.deepEqual(await ask(again, 'GET', '/'), [200, 'The data in DB is as follows. \n\na:3\n\nb:2']);
  t.is(await again.stop(), 0);
});

test('programmatic: the program prints its answers', async (t) => {
  const { code, stdout, stderr } = await runToEnd(process.execPath, [inExamples('programmatic/main.js')]);
  t.is(code, 0, stderr);
  t.is(
    stdout,
    [
      '200 "apple:red\\r\\nPost Successfully OK"',
      '200 {"hello":"world"}',
      '200 {"apple":"red"}',
      'closed',
      '',
    ].join('\n'),
  );
  const { level, plugin, message, name } = JSON.parse(stderr);
  t.deepEqual(
    { level, plugin, message, name },
    { level: 'info', plugin: 'greet', message: 'greeted', name: 'world' },
  );
});

test('class-plugin: the class gets its options and counts by method', async (t) => {
  const server = await example(t, 'class-plugin');
  await ask(server, 'GET', '/');
  await ask(server, 'GET', '/');
  await ask(server, 'POST', '/create', 'a: 1');
  t.deepEqual(await ask(server, 'GET', '/stats'), [200, '{"GET":2,"POST":1}']);
  t.deepEqual((await ask(server, 'GET', '/tally'))[0], 404);
});

test('batteries: access rules apply, and logs and metrics show the requests', async (t) => {
  const { url } = await example(t, 'batteries');
  const ali = `Basic ${Buffer.from('ali:open sesame').toString('base64')}`;
  const monitor = 'Bearer example-token-of-the-documentation';
  const request = (method: string, target: string, headers: Record<string, string> = {}, body?: string) =>
    fetch(url + target, { method, headers, ...(body === undefined ? {} : { body }) });
  t.is(await (await request('GET', '/health/ready')).text(), '{"status":"ready","storage":"ok"}');
  t.is((await request('GET', '/')).status, 200);
  t.is((await request('POST', '/create', {}, 'a: 1')).status, 401);
  t.is((await request('POST', '/create', { Authorization: monitor }, 'a: 1')).status, 403);
  t.is((await request('POST', '/create', { Authorization: ali }, 'a: 1')).status, 200);
  t.is((await request('POST', '/create', { Authorization: ali }, 'b: 1')).status, 200);
  t.is((await request('POST', '/create', { Authorization: ali }, 'c: 1')).status, 200);
  const limited = await request('POST', '/create', { Authorization: ali }, 'd: 1');
  t.is(limited.status, 429);
  t.is(limited.headers.get('RateLimit-Policy'), '"writes";q=5;w=3600');
  const who = await request('WHOAMI', '/', { Authorization: ali });
  t.deepEqual(await who.json(), { name: 'ali', roles: ['writer'], request: who.headers.get('X-Request-Id') });
  t.is((await request('GET', '/metrics', { Authorization: ali })).status, 403);
  t.regex(
    await (await request('GET', '/metrics', { Authorization: monitor })).text(),
    /^jackfield_requests_total\{/m,
  );
  const preflight = { Origin: 'http://localhost:3000', 'Access-Control-Request-Method': 'POST' };
  t.is((await request('OPTIONS', '/create', preflight)).headers.get('Access-Control-Allow-Methods'), 'POST');
  t.is((await request('OPTIONS', '/create', { Authorization: ali })).headers.get('Allow'), 'OPTIONS, POST');
});

/** Two servers of one example, with the test's own database server: entries of one can be read through the other. */
async function sharedExample(t: ExecutionContext, name: string, own: string): Promise<void> {
  const folder = await mkdtemp(path.join(ROOT, 'dist/example-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const config = path.join(folder, 'jackfield.config.json');
  const text = await readFile(inExamples(name, 'jackfield.config.json'), 'utf8');
  const [address = ''] = /"(?:postgres|redis):\/\/[^"]*"/.exec(text) ?? [];
  t.true(address !== '');
  await writeFile(config, text.replace(address, JSON.stringify(own)));
  const [one, other] = [await serve(t, ['--config', config]), await serve(t, ['--config', config])];
  t.deepEqual(await ask(one, 'POST', '/create', 'a: 1'), [200, 'a:1\r\nPost Successfully OK']);
  t.deepEqual(await ask(other, 'POST', '/create', 'a: 2'), [400, 'The key already exists!']);
  t.deepEqual(await ask(other, 'GET', '/'), [200, 'The data in DB is as follows. \n\na:1']);
  t.is(await one.stop(), 0);
  t.is(await other.stop(), 0);
}

test('postgres: two servers share their entries', async (t) => {
  const missing = postgresMissing();
  if (missing !== undefined) {
    t.pass(missing);
    return;
  }
  const server = await startPostgres();
  t.teardown(() => server.stop());
  await sharedExample(t, 'postgres', server.url());
});

test('redis: two servers share their entries', async (t) => {
  const missing = redisMissing();
  if (missing !== undefined) {
    t.falsy(process.env.CI, missing);
    return;
  }
  const server = await startRedis();
  t.teardown(() => server.stop());
  await sharedExample(t, 'redis', server.url);
});

test('classic: the client gets every answer of the transcript', async (t) => {
  const server = await example(t, 'classic');
  const cases = inExamples('classic/cases.json');
  const { code, stdout } = await runToEnd(process.execPath, [MAIN, 'client', cases, '--port', server.port]);
  t.is(code, 0, stdout);
  t.true(stdout.endsWith('\n16 passed, 0 failed\n'), stdout);
  // The last case is END.
  t.is(await server.ended, 0);
});

test('upgrade: a client of Node switches to the lines protocol, and a stop says goodbye', async (t) => {
  const server = await example(t, 'upgrade');
  t.deepEqual(await ask(server, 'GET', '/lines'), [426, 'Only lines/1 is spoken here.']);
  const talk = async (): Promise<Duplex> => {
    const asking = http.get(`${server.url}/lines`, {
      headers: { Connection: 'Upgrade', Upgrade: 'lines/1' },
    });
    const [response, stream] = (await once(asking, 'upgrade')) as [http.IncomingMessage, Duplex];
    t.is(response.headers.upgrade, 'lines/1');
    return stream;
  };
  const ended = await talk();
  ended.end('a\nb\n');
  t.is(await text(ended), '1: a\n2: b\n');
  const open = await talk();
  open.write('a\n');
  const [octets] = await once(open, 'data');
  t.is(String(octets), '1: a\n');
  const rest = text(open);
  const stopping = server.stop();
  t.is(await rest, 'goodbye\n');
  open.end();
  t.is(await stopping, 0);
});

test('upgrade: the report sends a hint before its answer and a digest after it', async (t) => {
  const server = await example(t, 'upgrade');
  const asking = http.get(`${server.url}/report`);
  const [[hint], [response]] = (await Promise.all([
    once(asking, 'information'),
    once(asking, 'response'),
  ])) as [[http.InformationEvent], [http.IncomingMessage]];
  t.is(hint.statusCode, 103);
  t.is(hint.headers.link, '</report.css>; rel=preload; as=style');
  t.is(await text(response), 'one\ntwo\nthree\n');
  t.is(response.headers.trailer, 'Repr-Digest');
  t.is(
    response.trailers['repr-digest'],
    `sha-256=:${createHash('sha256').update('one\ntwo\nthree\n').digest('base64')}:`,
  );
});

test('web: files, an application, a chat, and another server behind it', async (t) => {
  const behind = await serve(t, ['--config', inExamples('custom-method', 'jackfield.config.json')]);
  // A copy, because it has to name the port of the other server; inside the repository, as above.
  const folder = await mkdtemp(path.join(ROOT, 'dist/example-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await cp(inExamples('web'), folder, { recursive: true });
  const config = path.join(folder, 'jackfield.config.json');
  const told = await readFile(config, 'utf8');
  t.true(told.includes('"http://127.0.0.1:10000"'));
  await writeFile(config, told.replace('http://127.0.0.1:10000', behind.url));
  const server = await serve(t, ['--config', config]);

  const page = await fetch(`${server.url}/`);
  t.is(page.headers.get('Content-Type'), 'text/html; charset=utf-8');
  t.is(page.headers.get('Cache-Control'), 'no-cache');
  // Without TLS `fetch` asks for gzip but not for br. It decodes the body.
  t.is(page.headers.get('Content-Encoding'), 'gzip');
  t.is(await page.text(), await readFile(inExamples('web/public/index.html'), 'utf8'));
  t.is((await ask(server, 'GET', '/nothing.html'))[0], 404);

  t.deepEqual(await ask(server, 'GET', '/app'), [200, '{"motto":"none"}']);
  t.deepEqual(await ask(server, 'PUT', '/app/motto', 'more tea'), [204, '']);
  t.deepEqual(await ask(server, 'GET', '/app'), [200, '{"motto":"more tea"}']);

  t.deepEqual(await ask(server, 'POST', '/store/create', 'tea: green'), [
    200,
    'tea:green\r\nPost Successfully OK',
  ]);
  t.deepEqual(await ask(behind, 'GET', '/'), [200, 'The data in DB is as follows. \n\ntea:green']);
  await behind.stop();
  t.is((await ask(server, 'GET', '/store/'))[0], 502);

  const sockets = [0, 1].map(() => new WebSocket(`${server.url.replace('http', 'ws')}/chat`));
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  const heard = Promise.all(sockets.map((socket) => once(socket, 'message')));
  sockets[0]?.send('good morning');
  t.deepEqual(
    (await heard).map(([data]) => String(data)),
    ['good morning', 'good morning'],
  );
  const codes = Promise.all(sockets.map((socket) => once(socket, 'close')));
  t.is(await server.stop(), 0);
  t.deepEqual(
    (await codes).map(([code]) => code),
    [1001, 1001],
  );
});

test('guide: each of its configurations answers as the guide says', async (t) => {
  const guide = (name: string): Promise<RunningServer> => serve(t, ['--config', inExamples('guide', name)]);
  const first = await guide('first.json');
  t.deepEqual(await ask(first, 'POST', '/create', 'tea: green'), [200, 'tea:green\r\nPost Successfully OK']);
  t.deepEqual(await ask(first, 'DELETE', '/'), [405, 'Method not allowed: DELETE']);
  t.deepEqual(await ask(await guide('hello.json'), 'HELLO', '/you'), [200, 'hello you\n']);
  const links = await guide('jackfield.config.json');
  t.deepEqual(await ask(links, 'LINK', '/tea', 'http://example.com/tea'), [201, '']);
  const { status, headers } = await fetch(`${links.url}/tea`, { redirect: 'manual' });
  t.deepEqual([status, headers.get('location')], [302, 'http://example.com/tea']);
  t.deepEqual(await ask(links, 'UNLINK', '/tea'), [204, '']);
});

test('guide: its plugin passes its tests', async (t) => {
  const file = inExamples('guide/plugin.test.js');
  const { code, stdout } = await runToEnd(process.execPath, ['--test', '--test-reporter=tap', file]);
  t.is(code, 0, stdout);
  t.regex(stdout, /^# fail 0$/m);
  t.true(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) >= 10);
});

test('hooks: every exchange runs its own stages, in order', async (t) => {
  const server = await example(t, 'hooks');
  const stages: Readonly<Record<string, string>> = {
    '/': 'request handler response',
    '/nowhere': 'request error response',
    '/fails': 'request handler error response',
    '/early': 'request response',
  };
  for (const [path, told] of Object.entries(stages)) {
    t.is((await fetch(server.url + path)).headers.get('x-stages'), told, path);
  }
  t.is((await fetch(`${server.url}/fails`)).status, 500);
});
