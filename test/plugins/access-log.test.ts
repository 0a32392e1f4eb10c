import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import { createLog } from '../../core/log.js';
import { createServer } from '../../core/server.js';
import { LogSink } from '../../plugins/access-log/log-sink.js';
import { redactQuery } from '../../plugins/access-log/redact-query.js';
import { tempFolder } from '../core/temp-folder.js';
import { field, plugin, RawClient, request } from '../support/raw-client.js';
import { start } from '../support/served.js';
import { isStartWarning } from '../support/start-warnings.js';

const pages = definePlugin({
  name: 'pages',
  setup({ handle }) {
    handle('GET', '/page', () => 'five!');
    handle('GET', '/empty', () => ({ status: 204 }));
    handle(
      'GET',
      '/wait',
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
  },
});

interface Logged {
  readonly port: number;
  readonly file: string;
  /** Resolves at the end of an exchange with this target. */
  ended(target: string): Promise<void>;
  /** Closes the server. @returns the content of the log. */
  finish(): Promise<string>;
}

/** A server that listens, with an access log in a file. */
async function logged(
  t: ExecutionContext,
  options: object = {},
  before: readonly string[] = [],
): Promise<Logged> {
  const folder = await tempFolder(t);
  const file = path.join(folder, 'access.log');
  const over = new Set<string>();
  let wake = (): void => {};
  const witness = plugin('witness', ({ hook }) =>
    hook('close', ({ target }) => {
      over.add(target);
      wake();
    }),
  );
  const server = createServer({
    listen: { port: 0 },
    storage: 'memory',
    plugins: [
      ...before,
      { use: 'access-log', options: { destination: { file }, ...options } },
      pages,
      witness,
    ],
    limits: { shutdownTimeoutMs: 0 },
  });
  t.teardown(() => server.close());
  const { port } = await server.listen();
  return {
    port,
    file,
    ended: async (target) => {
      while (!over.has(target))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    finish: async () => {
      await server.close();
      return readFile(file, 'utf8');
    },
  };
}

async function send(port: number, octets: string): Promise<void> {
  const client = await RawClient.connect(port);
  client.send(octets);
  await client.response();
  client.destroy();
}

function objects(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test('a line of JSON describes the exchange', async (t) => {
  const { port, finish } = await logged(t, {}, ['request-id']);
  await send(port, request('GET /page?a=1', ['User-Agent: test/1.0', 'Referer: http://localhost/from?x=y']));
  const [line, ...others] = objects(await finish());
  t.is(others.length, 0);
  const { time, durationMs, requestId, ...rest } = line!;
  t.deepEqual(rest, {
    level: 'info',
    remoteAddress: '127.0.0.1',
    method: 'GET',
    target: '/page?a=1',
    httpVersion: '1.1',
    host: 'localhost',
    status: 200,
    contentOctets: 5,
    referrer: 'http://localhost/from?x=y',
    userAgent: 'test/1.0',
  });
  t.regex(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.is(typeof durationMs, 'number');
  t.regex(String(requestId), /^[0-9a-f-]{36}$/);
});

const APACHE_TIME =
  /\[\d\d\/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\/\d{4}:\d\d:\d\d:\d\d \+0000\]/;

test('common and combined write lines in the formats of Apache', async (t) => {
  for (const [format, behind] of [
    ['common', ''],
    ['combined', ' "http://a.example/" "test/1.0"'],
  ]) {
    const { port, finish } = await logged(t, { format });
    await send(port, request('GET /page?a=1', ['User-Agent: test/1.0', 'Referer: http://a.example/']));
    const text = await finish();
    t.regex(text, APACHE_TIME);
    t.is(
      text.replace(APACHE_TIME, '[time]'),
      `127.0.0.1 - - [time] "GET /page?a=1 HTTP/1.1" 200 5${behind}\n`,
    );
  }
});

test('an absent value and a count of zero octets are a hyphen', async (t) => {
  const { port, finish } = await logged(t, { format: 'combined' });
  await send(port, request('GET /empty'));
  t.regex(await finish(), /" 204 - "-" "-"\n$/);
});

test('errors and refused hosts have a line too', async (t) => {
  const { port, finish } = await logged(t);
  await send(port, request('GET /none'));
  await send(port, 'GET /page HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  t.deepEqual(
    objects(await finish()).map(({ status }) => status),
    [404, 400],
  );
});

test('refusals by the server itself have a line with their code, also if no request was read', async (t) => {
  const { port, finish } = await logged(t, { redactQuery: ['token'] }, ['request-id']);
  await send(port, request('POST /page', ['Content-Length: 99999999999']));
  await send(port, request('GET /none'));
  await send(port, 'GET page?token=secret HTTP/1.1\r\n\r\n');
  await send(port, '\x16\x03\x01\x1b[2J"\n');
  const [large, none, unread, tls] = objects(await finish());
  t.like(large, { method: 'POST', target: '/page', status: 413, code: 'BODY_TOO_LARGE' });
  t.regex(String(large?.requestId), /^[0-9a-f-]{36}$/);
  t.like(none, { status: 404, code: 'NOT_FOUND' });
  const { time, ...rest } = unread!;
  t.regex(String(time), /^\d{4}-/);
  t.deepEqual(rest, {
    level: 'info',
    remoteAddress: '127.0.0.1',
    requestLine: 'GET page?token=***',
    status: 400,
    code: 'TARGET_INVALID',
    contentOctets: 74,
  });
  t.like(tls, { requestLine: '\\x16\\x03\\x01\\x1b[2J\\"', code: 'METHOD_INVALID' });
});

for (const format of ['common', 'combined'] as const) {
  test(`a request that could not be read has a line in the format ${format}`, async (t) => {
    const { port, finish } = await logged(t, { format });
    await send(port, '\x16\x03"\\\n');
    const line = (await finish()).replace(APACHE_TIME, '[TIME]').replace(/ 400 \d+/, ' 400 N');
    const rest = format === 'common' ? '' : ' "-" "-"';
    t.is(line, `127.0.0.1 - - [TIME] "\\x16\\x03\\"\\\\" 400 N${rest}\n`);
  });
}

test('a client that left before its answer is logged as aborted, or 499', async (t) => {
  for (const format of ['json', 'common']) {
    const { port, ended, finish } = await logged(t, { format });
    const client = await RawClient.connect(port);
    client.send(request('GET /page') + request('GET /wait'));
    await client.response();
    client.reset();
    await ended('/wait');
    const last = (await finish()).trimEnd().split('\n').at(-1)!;
    if (format === 'common') t.regex(last, /"GET \/wait HTTP\/1\.1" 499 -$/);
    else t.like(JSON.parse(last), { target: '/wait', status: 0, contentOctets: 0, aborted: true });
  }
});

test('a client cannot forge a line or a part of one', async (t) => {
  const nasty = ['"', '\\', '" 200 1 "', '\\"', '\x80\xff', '\x9b31m', '\x85', '\t', '%0a%0d', '\u00e9" "'];
  for (const format of ['json', 'common', 'combined']) {
    const { port, finish } = await logged(t, { format, headers: ['X-Any'] });
    for (const text of nasty) {
      await send(
        port,
        request("GET /page?'%22", [`User-Agent: a${text}b`, `Referer: c${text}d`, `X-Any: e${text}f`]),
      );
    }
    const written = await finish();
    const lines = written.split('\n').slice(0, -1);
    t.is(lines.length, nasty.length, format);
    for (const [at, line] of lines.entries()) {
      if (format === 'json') {
        t.notRegex(line, /[\x7f-\x9f\u2028\u2029]/);
        t.is(JSON.parse(line).userAgent, `a${nasty[at]}b`);
        t.is(JSON.parse(line).headers['x-any'], `e${nasty[at]}f`);
        continue;
      }
      t.regex(line, /^[\x20-\x7e]+$/);
      // Quoted strings with every quote and backslash escaped, and only the expected text between them.
      const quoted = /"(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*"/g;
      t.is(line.match(quoted)?.length, format === 'common' ? 1 : 3, line);
      t.regex(
        line.replaceAll(quoted, 'Q'),
        format === 'common' ? /^\S+ - - \[[^\]]+\] Q 200 5$/ : /^\S+ - - \[[^\]]+\] Q 200 5 Q Q$/,
      );
    }
  }
});

test('fields named in headers are logged, secret ones only as present', async (t) => {
  const { port, finish } = await logged(t, { headers: ['Authorization', 'X-A', 'Cookie', 'X-Absent'] });
  await send(port, request('GET /page', ['Authorization: Bearer secret', 'X-A: 1', 'Cookie: s=secret']));
  const text = await finish();
  t.deepEqual(objects(text)[0]?.headers, { authorization: '***', 'x-a': '1', cookie: '***' });
  t.false(text.includes('secret'));
});

test('redactQuery removes values from the target and from Referer', async (t) => {
  for (const format of ['json', 'combined']) {
    const { port, finish } = await logged(t, { format, redactQuery: ['token'] });
    await send(
      port,
      request('GET /page?a=1&token=secret&%74oken=secret&b', ['Referer: http://localhost/?token=secret']),
    );
    const text = await finish();
    t.false(text.includes('secret'), format);
    t.true(text.includes('/page?a=1&token=***&%74oken=***&b'), format);
  }
});

test('redactQuery leaves everything else as it was sent', (t) => {
  t.is(redactQuery('/a?b=1', false), '/a?b=1');
  t.is(redactQuery('/a', true), '/a');
  t.is(redactQuery('/a?', true), '/a?');
  t.is(redactQuery('/a?b=1&c&=x&d=e=f', true), '/a?b=***&***&=***&d=***');
  t.is(redactQuery('/a?b=1#c=2', true), '/a?b=***#c=2');
  t.is(redactQuery('/a?%zz=1&b=2', ['b']), '/a?%zz=1&b=***');
  t.is(redactQuery('/a?b+c=1', ['b c']), '/a?b+c=***');
  t.is(redactQuery('/a?__proto__=1', ['x']), '/a?__proto__=1');
});

test('paths in skip have no line', async (t) => {
  const { port, finish } = await logged(t, { skip: ['/health/*', '/empty'] });
  for (const target of ['/empty', '/health/live', '/page', '/empty?a'])
    await send(port, request(`GET ${target}`));
  t.deepEqual(
    objects(await finish()).map(({ target }) => target),
    ['/page'],
  );
});

test('closing the server writes every line, and only its user and group can read the file', async (t) => {
  const { port, file, finish } = await logged(t);
  const client = await RawClient.connect(port);
  client.send(request('GET /page').repeat(500));
  for (let at = 0; at < 500; at++) t.is((await client.response()).status, 200);
  client.destroy();
  t.is(objects(await finish()).length, 500);
  t.is((await stat(file)).mode & 0o777, 0o640 & ~process.umask());
});

test('a second server appends to the file', async (t) => {
  const folder = await tempFolder(t);
  const file = path.join(folder, 'access.log');
  for (let at = 0; at < 2; at++) {
    const server = createServer({
      storage: 'memory',
      plugins: [{ use: 'access-log', options: { destination: { file } } }],
    });
    await server.inject();
    await server.close();
  }
  t.is(objects(await readFile(file, 'utf8')).length, 2);
});

test('if the file cannot be opened, the server does not start and the error says why', async (t) => {
  const folder = await tempFolder(t);
  const server = createServer({
    storage: 'memory',
    plugins: [
      { use: 'access-log', options: { destination: { file: path.join(folder, 'none/access.log') } } },
    ],
  });
  await t.throwsAsync(server.ready(), { message: /"access-log".*ENOENT/ });
  await server.close();
});

test('lines beyond maxBufferedOctets are dropped, and the log says how many', async (t) => {
  const folder = await tempFolder(t);
  const file = path.join(folder, 'access.log');
  const told: string[] = [];
  const server = createServer(
    {
      listen: { port: 0 },
      storage: 'memory',
      plugins: [{ use: 'access-log', options: { destination: { file }, maxBufferedOctets: 1_024 } }, pages],
    },
    {
      log: createLog((line) => {
        const parsed = JSON.parse(line) as { message: string };
        if (!isStartWarning(parsed)) told.push(parsed.message);
      }),
    },
  );
  t.teardown(() => server.close());
  const { port } = await server.listen();
  const client = await RawClient.connect(port);
  client.send(request('GET /page', [`User-Agent: ${'x'.repeat(400)}`]).repeat(50));
  for (let at = 0; at < 50; at++) t.is(field(await client.response(), 'content-length'), '5');
  client.destroy();
  await server.close();
  const lines = objects(await readFile(file, 'utf8'));
  t.true(lines.length > 0 && lines.length < 50);
  t.is(told[0], 'Lines of the access log are being dropped.');
});

test('lines go to stdout beside those of the command, and SIGHUP opens a file again', async (t) => {
  const folder = await tempFolder(t);
  const { writeFile } = await import('node:fs/promises');
  const serveWith = async (name: string, options: object) => {
    const config = { storage: 'memory', plugins: ['get', 'end', { use: 'access-log', options }] };
    await writeFile(path.join(folder, name), JSON.stringify(config));
    const process = start(t, ['serve', '--config', name, '--port', '0'], folder);
    const [, url = ''] = await process.until(/^jackfield listening on (\S+)\n/m);
    return { process, url };
  };
  const { process, url } = await serveWith('out.json', { format: 'common' });
  await (await fetch(url)).text();
  await process.until(/^127\.0\.0\.1 - - \[.*\] "GET \/ HTTP\/1\.1" 200 13\n/m);
  process.kill('SIGTERM');
  t.is((await process.ended).code, 0);

  const { process: rotated, url: at } = await serveWith('file.json', { destination: { file: 'access.log' } });
  const log = path.join(folder, 'access.log');
  await (await fetch(`${at}/?before`)).text();
  while (!(await readFile(log, 'utf8')).includes('\n'))
    await new Promise((resolve) => setTimeout(resolve, 5));
  await rename(log, `${log}.1`);
  rotated.kill('SIGHUP');
  // A new file shows that the signal was handled.
  while (
    !(await stat(log).then(
      () => true,
      () => false,
    ))
  )
    await new Promise((resolve) => setTimeout(resolve, 5));
  await (await fetch(`${at}/?after`)).text();
  await fetch(at, { method: 'END' }).catch(() => undefined);
  t.is((await rotated.ended).code, 0);
  const targets = async (file: string) => objects(await readFile(file, 'utf8')).map(({ target }) => target);
  t.deepEqual(await targets(`${log}.1`), ['/?before']);
  t.deepEqual(await targets(log), ['/?after', '/']);
});

test('a file that cannot be opened again keeps its lines in the old one, and a later SIGHUP opens it', async (t) => {
  const folder = await tempFolder(t);
  const place = path.join(folder, 'logs');
  await mkdir(place);
  const file = path.join(place, 'access.log');
  const errors: { message: string; err: { code?: string } }[] = [];
  let told: () => void = () => {};
  const log = createLog((line) => {
    const parsed = JSON.parse(line);
    if (parsed.level === 'error') {
      errors.push(parsed);
      told();
    }
  });
  const sink = new LogSink({ maxBufferedOctets: 100_000, mode: 0o640, log });
  await sink.open(file);
  const before = process.listenerCount('SIGHUP');
  await rename(place, `${place}.old`);
  // More than the ten listeners after which Node warns.
  for (let at = 1; at <= 12; at++) {
    const isTold = new Promise<void>((resolve) => {
      told = resolve;
    });
    sink.reopen();
    await isTold;
    sink.write(`${at}\n`);
  }
  t.deepEqual([...new Set(errors.map(({ err }) => err.code))], ['ENOENT']);
  t.true(errors.every(({ message }) => message.includes('still go to the old file')));
  t.is(process.listenerCount('SIGHUP'), before);
  await mkdir(place);
  sink.reopen();
  // As often as the file is renamed: the last signal counts.
  sink.reopen();
  await sink.close();
  t.is(await readFile(`${place}.old/access.log`, 'utf8'), '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n');
  t.is(await readFile(file, 'utf8'), '');
  t.is(errors.length, 12);
});

test('invalid options are refused', async (t) => {
  for (const options of [
    { format: 'apache' },
    { destination: 'file' },
    { destination: { path: 'a' } },
    { mode: '999' },
    { skip: ['a'] },
    { headers: ['a b'] },
  ]) {
    const server = createServer({ storage: 'memory', plugins: [{ use: 'access-log', options }] });
    t.like(await t.throwsAsync(server.ready()), { code: 'PLUGIN_OPTIONS_INVALID' }, JSON.stringify(options));
  }
});
