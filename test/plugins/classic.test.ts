import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import type { ServerConfig } from '../../core/config/server-config.js';
import { RawClient } from '../support/raw-client.js';
import { classicRequest, LF_FORMS } from '../transcript/classic-request.js';
import { create, listing, pluginsWithout, type Server, served } from './served.js';

/** A listening server, and one connection to it. */
async function connected(
  t: ExecutionContext,
  config?: ServerConfig,
): Promise<{ server: Server; client: RawClient }> {
  const server = await served(t, config);
  const { port } = await server.listen();
  const client = await RawClient.connect(port);
  t.teardown(() => client.destroy());
  return { server, client };
}

/** Returns the first line and the body of the answer. */
async function ask(client: RawClient, method: string, address: string, body = ''): Promise<[string, string]> {
  client.send(classicRequest(method, address, body));
  return partsOf(await client.next());
}

function partsOf(answer = ''): [string, string] {
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2);
  return [head.split('\r\n')[0]!, body];
}

test('the rules are applied in their order', async (t) => {
  const { client } = await connected(t);
  for (const [method, address, line, body] of [
    ['PRRT', '127.0.5.1/?', '404 NOT_FOUND', 'Invalid Address(url)'],
    ['GET', '/create', '404 NOT_FOUND', 'Invalid Address(url)'],
    ['PRRT', '127.0.5.1/create', '405 METHOD_NOT_ALLOWED', 'Method not allowed'],
    ['PUT', '127.0.5.1/create', '400 BAD_REQUEST', 'Not allowed host: 127.0.5.1'],
    ['GET', '127.0.0.1/create', '404 NOT_FOUND', 'Select the appropriate method(Create mode => POST)'],
    ['GET', '127.0.0.1/create/x', '404 NOT_FOUND', 'Select the appropriate method(Create mode => POST)'],
    ['POST', '127.0.0.1/update', '404 NOT_FOUND', 'Select the appropriate method(Update mode => PUT)'],
    ['END', '127.0.0.1/update', '404 NOT_FOUND', 'Select the appropriate method(Update mode => PUT)'],
    ['GET', '127.0.0.1/nothing', '200 OK', 'No data in DB'],
    ['GET', '127.0.0.1:10000/', '200 OK', 'No data in DB'],
    ['POST', '127.0.0.1/', '404 NOT_FOUND', 'Select the appropriate path(Create mode => /create)'],
    ['POST', '127.0.0.1/nothing', '404 NOT_FOUND', 'Select the appropriate path(Create mode => /create)'],
    ['PUT', '127.0.0.1/nothing', '404 NOT_FOUND', 'Select the appropriate path(Update mode => /update)'],
    ['POST', '127.0.0.1/create', '400 BAD_REQUEST', 'There is no content. Please check'],
    ['PUT', '127.0.0.1/update', '400 BAD_REQUEST', 'There is no content. Please check'],
  ] as const) {
    t.deepEqual(await ask(client, method, address), [`HTTP/1.1 ${line}`, body], `${method} ${address}`);
  }
});

test('HEAD is answered 100 on every path but create and update, which refuse it in a sentence', async (t) => {
  const { client } = await connected(t);
  for (const path of ['', 'nothing', 'nothing/create']) {
    t.deepEqual(await ask(client, 'HEAD', `127.0.0.1/${path}`), ['HTTP/1.1 100 CONTINUE', ''], path);
  }
  for (const [address, line, body] of [
    ['127.0.0.1/create', '404 NOT_FOUND', 'Select the appropriate method(Create mode => POST)'],
    ['127.0.0.1/update/', '404 NOT_FOUND', 'Select the appropriate method(Update mode => PUT)'],
    ['127.0.5.1/', '400 BAD_REQUEST', 'Not allowed host: 127.0.5.1'],
    ['?/?', '404 NOT_FOUND', 'Invalid Address(url)'],
  ] as const) {
    t.deepEqual(await ask(client, 'HEAD', address), [`HTTP/1.1 ${line}`, body], address);
  }
});

test('a refused request is skipped to its last octet, and the next one is answered', async (t) => {
  const { client } = await connected(t);
  const body = 'a: 1'.repeat(5000);
  t.is((await ask(client, 'PRRT', '127.0.0.1/', body))[0], 'HTTP/1.1 405 METHOD_NOT_ALLOWED');
  t.is((await ask(client, 'POST', '127.0.0.1/', body))[0], 'HTTP/1.1 404 NOT_FOUND');
  t.deepEqual(await ask(client, 'GET', '127.0.0.1/'), ['HTTP/1.1 200 OK', 'No data in DB']);
});

test('Content-Length counts octets, and a long listing is sent whole', async (t) => {
  const { server, client } = await connected(t);
  const pairs = Array.from({ length: 700 }, (_, at): [string, string] => [`열쇠${at}`, `값${at}`]);
  await create(server, pairs);
  client.send(classicRequest('GET', '127.0.0.1/'));
  const octets = Buffer.from((await client.next()) ?? '', 'latin1').toString();
  t.true(octets.endsWith(`\r\n\r\n${await listing(server)}`));
});

test('classic and standard requests share a connection', async (t) => {
  const { client } = await connected(t);
  t.is((await ask(client, 'POST', '127.0.0.1/create', 'a: 1'))[0], 'HTTP/1.1 200 OK');
  client.send('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  const standard = (await client.next()) ?? '';
  t.regex(standard, /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Date: .+ GMT\r\n/);
  t.true(standard.endsWith('\n\na:1'));
  t.is((await ask(client, 'HEAD', '127.0.0.1/'))[0], 'HTTP/1.1 100 CONTINUE');
});

test('a bare LF is read after a Host with a slash, and without the plugin it is refused', async (t) => {
  const { client } = await connected(t);
  const other = await served(t, { plugins: pluginsWithout('classic') });
  const { port } = await other.listen();
  for (const form of LF_FORMS) {
    client.send(classicRequest('POST', '127.0.0.1/create', `${form}: 1`, form));
    t.deepEqual(partsOf(await client.next()), ['HTTP/1.1 200 OK', `${form}:1\r\nPost Successfully OK`], form);

    const refused = await RawClient.connect(port);
    refused.send(classicRequest('GET', '127.0.0.1/', '', form));
    const [line, sentence] = partsOf(await refused.next());
    t.is(line, 'HTTP/1.1 400 Bad Request', form);
    t.regex(sentence, /^A line does not end in CR LF/, form);
    t.is(await refused.next(), undefined, 'the connection closes');
  }
});

test('after a head with a bare LF the next request of the connection is parsed strictly', async (t) => {
  for (const form of LF_FORMS) {
    const { client } = await connected(t);
    const loose = classicRequest('GET', '127.0.0.1/', '', form);
    client.send(
      `${loose}GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${loose}GET / HTTP/1.1\r\nHost: 127.0.0.1\n\r\n`,
    );
    t.deepEqual(partsOf(await client.next()), ['HTTP/1.1 200 OK', 'No data in DB'], form);
    t.regex((await client.next()) ?? '', /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Date: .+ GMT\r\n/, form);
    t.deepEqual(partsOf(await client.next()), ['HTTP/1.1 200 OK', 'No data in DB'], form);
    t.is(partsOf(await client.next())[0], 'HTTP/1.1 400 Bad Request', form);
    t.is(await client.next(), undefined, form);
  }
});

test('a dialect that does not allow a bare LF is not offered such a head', async (t) => {
  const offered: string[] = [];
  const plain = definePlugin({
    name: 'plain',
    setup({ dialect }) {
      dialect({
        name: 'plain',
        claim({ rawHeaders }) {
          offered.push(rawHeaders.join('|'));
          return undefined;
        },
      });
    },
  });
  const broken = definePlugin({
    name: 'broken',
    setup({ dialect }) {
      dialect({
        name: 'broken',
        allowsBareLf() {
          throw new Error('on purpose');
        },
        claim: () => undefined,
      });
    },
  });
  const { client } = await connected(t, { plugins: [plain, broken, ...pluginsWithout('')] });
  client.send('GET / HTTP/1.1\r\nHost: 127.0.0.1/\r\nX: y\n\r\n');
  t.is(partsOf(await client.next())[0], 'HTTP/1.1 200 OK');
  t.deepEqual(offered, []);
  client.send('GET / HTTP/1.1\r\nHost: 127.0.0.1/\r\n\r\n');
  t.is(partsOf(await client.next())[0], 'HTTP/1.1 200 OK');
  t.deepEqual(offered, ['Host|127.0.0.1/']);
});

test('a 405 in the classic protocol never names the method, whether the dialect or the registry refuses it', async (t) => {
  const elsewhere = definePlugin({
    name: 'elsewhere',
    setup({ handle }) {
      handle('LIST', '/list', () => 'list');
    },
  });
  const { server, client } = await connected(t, { plugins: pluginsWithout('', elsewhere, 'options') });
  // No plugin names PRRT, so the dialect refuses it. LIST exists, but not at the root, so the registry refuses it.
  for (const method of ['PRRT', 'LIST', 'OPTIONS']) {
    t.deepEqual(
      await ask(client, method, '127.0.0.1/'),
      ['HTTP/1.1 405 METHOD_NOT_ALLOWED', 'Method not allowed'],
      method,
    );
  }
  t.is((await server.inject({ method: 'LIST' })).text, 'Method not allowed: LIST');
});

test('END closes the connection without an octet, and the server stops', async (t) => {
  const { server, client } = await connected(t);
  client.send(classicRequest('END', '127.0.0.1/whatever'));
  t.is(await client.next(), undefined);
  await server.closed;
});

test('time zone and label of the date are options', async (t) => {
  const plugins = pluginsWithout('classic', {
    use: 'classic',
    options: { timeZone: 'UTC', zoneLabel: 'UTC' },
  });
  const { client } = await connected(t, { plugins });
  client.send(classicRequest('GET', '127.0.0.1/'));
  const date = /\r\nDate: (.*)\r\n/.exec((await client.next()) ?? '')?.[1] ?? '';
  t.true(Math.abs(Date.parse(date) - Date.now()) < 60_000, date);
  t.regex(date, /:\d\d UTC$/);
});

test('an unknown time zone is an error before anything listens', async (t) => {
  const error = await t.throwsAsync(
    served(t, { plugins: [{ use: 'classic', options: { timeZone: 'Asia/Soul' } }] }),
  );
  t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' });
});

test('classic clients reach a path and a method of a user’s plugin too', async (t) => {
  const mine = definePlugin({
    name: 'mine',
    setup({ handle }) {
      handle('GET', '/stats', () => 'statistics');
      handle('*', '/any', ({ method }) => `any ${method}`);
      handle('LIST', '/', async ({ dialect }) => ({ status: 203, body: `list in ${dialect}` }));
    },
  });
  const { client } = await connected(t, { plugins: pluginsWithout('', mine) });
  t.deepEqual(await ask(client, 'GET', '127.0.0.1/stats'), ['HTTP/1.1 200 OK', 'statistics']);
  t.deepEqual(await ask(client, 'HEAD', '127.0.0.1/stats'), ['HTTP/1.1 100 CONTINUE', '']);
  t.deepEqual(await ask(client, 'PRRT', '127.0.0.1/any'), ['HTTP/1.1 200 OK', 'any PRRT']);
  t.is((await ask(client, 'PRRT', '127.0.0.1/'))[0], 'HTTP/1.1 405 METHOD_NOT_ALLOWED');
  t.deepEqual(await ask(client, 'LIST', '127.0.0.1/x'), [
    'HTTP/1.1 203 NON_AUTHORITATIVE_INFORMATION',
    'list in classic',
  ]);
});
