import test from 'ava';
import type { ClaimedHead, DialectContext } from '../../../core/plugin-api.js';
import classic from '../../../plugins/classic.js';
import { setUp } from '../fakes.js';

/** 12:11:44 in Seoul. */
const DATE = new Date('2022-05-03T03:11:44.900Z');

/** A server with the default plugins, and `GET /stats` of a user's plugin. */
const server: DialectContext = {
  isAllowedHost: (host) => ['127.0.0.1', 'localhost', '[::1]'].includes(host),
  hasMethod: (method) => ['HEAD', 'GET', 'POST', 'PUT', 'END'].includes(method),
  hasHandler: (method, path) =>
    server.hasMethod(method) &&
    (['HEAD', 'POST', 'PUT'].includes(method) ||
      ['/', '/create', '/update'].includes(path) ||
      (method === 'GET' && path === '/stats')),
};

interface Asked {
  readonly method?: string;
  readonly rawHeaders?: readonly string[];
  readonly context?: DialectContext;
  readonly options?: unknown;
}

function claim(
  host: string,
  { method = 'GET', rawHeaders = ['Host', host], context = server, options }: Asked = {},
) {
  const [dialect] = setUp(classic, { options: options ?? {} }).dialects;
  return dialect!.claim({ method, target: '/', rawHeaders, fault: 'HOST_INVALID' }, context);
}

function claimed(host: string, asked?: Asked): ClaimedHead {
  const head = claim(host, asked);
  if (head === undefined) throw new Error(`${host} was not claimed`);
  return head;
}

function write(head: ClaimedHead, status: number, contentLength = 0, date = DATE) {
  return head.write({ status, headers: new Map([['allow', ['POST']]]), contentLength, date });
}

test('a request is claimed if its only Host field contains a slash', (t) => {
  t.truthy(claim('127.0.0.1/'));
  t.truthy(claim('', { rawHeaders: ['Accept', '*/*', 'hOST', '127.0.0.1/create'] }));
});

test('requests without Host, with two, or without a slash in it are not claimed', (t) => {
  t.is(claim('127.0.0.1:99999'), undefined);
  t.is(claim('', { rawHeaders: [] }), undefined);
  t.is(claim('', { rawHeaders: ['Accept', 'text/html'] }), undefined);
  t.is(claim('', { rawHeaders: ['Host', '127.0.0.1/', 'host', '127.0.0.1/'] }), undefined);
});

test('a bare LF is allowed only after a Host with a slash', (t) => {
  const [dialect] = setUp(classic).dialects;
  for (const host of ['127.0.0.1/', '127.0.0.1/create', '?/?', '/'])
    t.true(dialect!.allowsBareLf?.(host), host);
  for (const host of ['127.0.0.1', 'a b', '127.0.0.1:99999', ''])
    t.false(dialect!.allowsBareLf?.(host), host);
});

test('the address is the host and the first segment after it', (t) => {
  for (const [host, path] of [
    ['127.0.0.1/', '/'],
    ['127.0.0.1/create', '/create'],
    ['127.0.0.1/create/x', '/create'],
    ['127.0.0.1/update/', '/update'],
    ['127.0.0.1//create', '/'],
    ['127.0.0.1/stats', '/stats'],
  ] as const) {
    const head = claimed(host);
    t.is(head.path, path, host);
    t.is(head.dialect, 'classic');
    t.is(head.answer, undefined, host);
  }
});

test('rule 1: an address with a question mark or without a host is invalid, and the answer does not repeat it', (t) => {
  for (const host of [
    '?/?',
    '127.0.0.1/?x',
    '127.0.0.1/create?',
    '127.0.0.1/create/?',
    '12?/',
    '/',
    '/create',
  ]) {
    const head = claimed(host, { method: 'PRRT' });
    t.deepEqual(head.answer, { status: 404, body: 'Invalid Address(url)' }, host);
    t.true(write(head, 404).head.startsWith('HTTP/1.1 404 NOT_FOUND\r\nHost: ?/?\r\n'), host);
  }
});

test('rule 2 comes before rule 3: the method is checked before the host', (t) => {
  const answer = { status: 405, body: 'Method not allowed' };
  t.deepEqual(claimed('127.0.5.1/', { method: 'PRRT' }).answer, answer);
  t.deepEqual(claimed('127.0.0.1/create', { method: 'get' }).answer, answer);
});

test('rule 2: a handler for all methods also handles a method that no plugin names', (t) => {
  const context: DialectContext = {
    ...server,
    hasHandler: (method, path) => path === '/any' || server.hasHandler(method, path),
  };
  t.like(claimed('127.0.0.1/any', { method: 'PRRT', context }), { path: '/any', answer: undefined });
  t.like(claimed('127.0.0.1/', { method: 'PRRT', context }), { answer: { status: 405 } });
});

test('rule 3: a host that is not allowed is named', (t) => {
  for (const host of [
    '127.0.5.1',
    '127.0.5.1:80',
    'localhost.',
    '127.0.0.1:99999',
    '127.0.0.1:x',
    '[::2]',
    '::1',
    ':80',
  ]) {
    t.deepEqual(claimed(`${host}/create`).answer, { status: 400, body: `Not allowed host: ${host}` });
  }
});

test('a valid port after the host does not belong to its name, and stays in the answer', (t) => {
  for (const host of ['127.0.0.1:10000', 'localhost:', '[::1]:65535', '[::1]']) {
    const head = claimed(`${host}/create`);
    t.is(head.answer, undefined, host);
    t.true(write(head, 200).head.includes(`\r\nHost: ${host}/create\r\n`));
  }
});

test('a path that no plugin claims is treated as the root', (t) => {
  for (const segment of ['nothing', 'creat', 'create%', 'a b', 'caf\u00e9', '..%zz', '%ff']) {
    t.is(claimed(`127.0.0.1/${segment}`).path, '/', segment);
    t.is(claimed(`127.0.0.1/${segment}`, { method: 'END' }).path, '/', segment);
  }
});

test('POST and PUT keep a path that their fallbacks handle, so that the fallbacks can answer', (t) => {
  t.is(claimed('127.0.0.1/nothing', { method: 'POST' }).path, '/nothing');
  t.is(claimed('127.0.0.1/nothing', { method: 'PUT' }).path, '/nothing');
});

test('HEAD goes to the path of GET, although its own handler handles every path', (t) => {
  t.is(claimed('127.0.0.1/nothing', { method: 'HEAD' }).path, '/');
  t.is(claimed('127.0.0.1/create', { method: 'HEAD' }).path, '/create');
  t.is(claimed('127.0.0.1/stats', { method: 'HEAD' }).path, '/stats');
});

test('HEAD still reaches create if GET is not registered', (t) => {
  const context: DialectContext = {
    ...server,
    hasMethod: (method) => method !== 'GET' && server.hasMethod(method),
    hasHandler: (method, path) => method !== 'GET' && server.hasHandler(method, path),
  };
  t.is(claimed('127.0.0.1/create', { method: 'HEAD', context }).path, '/create');
});

test('the head of an answer has six lines in a fixed order, whatever fields the handler sets', (t) => {
  t.deepEqual(write(claimed('127.0.0.1/create/x'), 200, 13), {
    head: [
      'HTTP/1.1 200 OK',
      'Host: 127.0.0.1/create',
      'Content-Type: text/html',
      'Connection: keep-alive',
      'Content-Length: 13',
      'Date: Tue, 03 May 2022 12:11:44 KST',
      '',
      '',
    ].join('\r\n'),
    withBody: true,
    close: false,
  });
});

test('rule 6: HEAD is answered 100 without body, as a final answer', (t) => {
  const { head, withBody, close } = write(claimed('127.0.0.1/', { method: 'HEAD' }), 200, 13);
  t.true(head.startsWith('HTTP/1.1 100 CONTINUE\r\n'));
  t.true(head.includes('\r\nContent-Length: 0\r\n'));
  t.false(withBody);
  t.false(close);
});

test('a refused HEAD has a body with its sentence', (t) => {
  const { head, withBody } = write(claimed('127.0.0.1/create', { method: 'HEAD' }), 404, 50);
  t.true(head.startsWith('HTTP/1.1 404 NOT_FOUND\r\n'));
  t.true(head.includes('\r\nContent-Length: 50\r\n'));
  t.true(withBody);
});

test('rule 11: an accepted END gets no octets, a refused one gets an answer', (t) => {
  const head = claimed('127.0.0.1/', { method: 'END' });
  t.deepEqual(write(head, 204), { head: '', withBody: false, close: true });
  t.true(write(head, 403, 41).head.startsWith('HTTP/1.1 403 FORBIDDEN\r\n'));
  t.true(write(claimed('127.0.0.1/'), 204).head.startsWith('HTTP/1.1 204 NO_CONTENT\r\n'));
});

test('reasons are the standard phrases in capitals, and empty for an unknown status', (t) => {
  const head = claimed('127.0.0.1/');
  for (const [status, reason] of [
    [200, 'OK'],
    [203, 'NON_AUTHORITATIVE_INFORMATION'],
    [400, 'BAD_REQUEST'],
    [404, 'NOT_FOUND'],
    [405, 'METHOD_NOT_ALLOWED'],
    [503, 'SERVICE_UNAVAILABLE'],
    [599, ''],
  ] as const) {
    t.is(write(head, status).head.split('\r\n')[0], `HTTP/1.1 ${status} ${reason}`);
  }
});

test('the date is in the configured time zone, with the configured label', (t) => {
  const dateOf = (options: unknown, date: string) =>
    /Date: (.*)\r\n/.exec(write(claimed('127.0.0.1/', { options }), 200, 0, new Date(date)).head)?.[1];
  t.is(dateOf({}, '2022-05-02T15:00:00Z'), 'Tue, 03 May 2022 00:00:00 KST');
  t.is(dateOf({}, '2023-12-31T14:59:59Z'), 'Sun, 31 Dec 2023 23:59:59 KST');
  t.is(
    dateOf({ timeZone: 'UTC', zoneLabel: 'GMT' }, '2024-09-01T00:00:09Z'),
    'Sun, 01 Sep 2024 00:00:09 GMT',
  );
  t.is(dateOf({ timeZone: 'America/St_Johns' }, '2024-01-01T00:00:00Z'), 'Sun, 31 Dec 2023 20:30:00 KST');
});

test('the date follows the clock in both directions', (t) => {
  const head = claimed('127.0.0.1/');
  const lineAt = (ms: number) => write(head, 200, 0, new Date(DATE.getTime() + ms)).head.split('\r\n')[5];
  t.is(lineAt(0), 'Date: Tue, 03 May 2022 12:11:44 KST');
  t.is(lineAt(99), 'Date: Tue, 03 May 2022 12:11:44 KST');
  t.is(lineAt(100), 'Date: Tue, 03 May 2022 12:11:45 KST');
  t.is(lineAt(-1000), 'Date: Tue, 03 May 2022 12:11:43 KST');
});

test('an unknown time zone and a label that would break the line are refused', (t) => {
  for (const options of [
    { timeZone: 'Asia/Soul' },
    { timeZone: '' },
    { zoneLabel: 'K\r\nX: y' },
    { zoneLabel: '' },
    { zone: 'UTC' },
  ]) {
    t.throws(() => claim('127.0.0.1/', { options }), undefined, JSON.stringify(options));
  }
});
