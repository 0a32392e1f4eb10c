import test from 'ava';
import fc from 'fast-check';
import {
  httpRequestOctets,
  parseHttpFile,
  readHttpFile,
  runHttpFile,
} from '../../../core/client/http-file.js';
import type { ExchangeResult, RunOptions } from '../../../core/client/run-exchanges.js';
import { JackfieldError } from '../../../core/errors.js';
import { tempFolder } from '../temp-folder.js';
import { cannedServer, deadPort } from './canned-server.js';

const octetsOf = (text: string): string[] =>
  parseHttpFile(text, 'a.http').map((request) => httpRequestOctets(request, 'localhost:10000').toString());

test('requests are separated by ###, with comments, header lines and body', (t) => {
  const text = `# All of it
### Make an entry
// expect 201
# expect 200
POST /create?x=1 HTTP/1.1
Content-Type: application/json
# Not sent:
# X-Secret: 1

{
  "a": 1
}

# Part of the body


###
GET /

### ------- nothing here
# only a comment
`;
  t.deepEqual(parseHttpFile(text, 'a.http'), [
    {
      title: 'Make an entry',
      method: 'POST',
      target: '/create?x=1',
      version: '1.1',
      headers: [['Content-Type', 'application/json']],
      body: '{\n  "a": 1\n}\n\n# Part of the body',
      expectedStatus: 200,
    },
    { title: 'GET /', method: 'GET', target: '/', version: '1.1', headers: [], body: '' },
  ]);
});

test('missing Host and Content-Length are added', (t) => {
  t.deepEqual(octetsOf('PUT /update\n\na: é'), [
    'PUT /update HTTP/1.1\r\nHost: localhost:10000\r\nContent-Length: 5\r\n\r\na: é',
  ]);
  t.deepEqual(octetsOf('GET /\nhost: other'), ['GET / HTTP/1.1\r\nhost: other\r\n\r\n']);
  t.deepEqual(octetsOf('POST /'), ['POST / HTTP/1.1\r\nHost: localhost:10000\r\nContent-Length: 0\r\n\r\n']);
  t.deepEqual(octetsOf('POST /\ncontent-length: 9\n\nx'), [
    'POST / HTTP/1.1\r\nHost: localhost:10000\r\ncontent-length: 9\r\n\r\nx',
  ]);
});

test('a URL is relative, absolute or *, and the default method is GET', (t) => {
  const first = (text: string): string => octetsOf(text)[0]!.split('\r\n').slice(0, 2).join(' | ');
  t.is(first('/a?b=c#d'), 'GET /a?b=c HTTP/1.1 | Host: localhost:10000');
  t.is(first('OPTIONS *'), 'OPTIONS * HTTP/1.1 | Host: localhost:10000');
  t.is(first('PURGE /x HTTP/1.0'), 'PURGE /x HTTP/1.0 | Host: localhost:10000');
  t.is(first('GET http://example.org:8080/a'), 'GET /a HTTP/1.1 | Host: example.org:8080');
  t.is(first('GET http://[::1]?q'), 'GET /?q HTTP/1.1 | Host: [::1]:80');
  t.is(first('GET HTTP://example.org'), 'GET / HTTP/1.1 | Host: example.org:80');
  t.is(first('GET /값'), 'GET /%EA%B0%92 HTTP/1.1 | Host: localhost:10000');
});

test('an invalid request is reported with its place', (t) => {
  const sentences: Record<string, string> = {
    '': '1:1: there is no request.',
    '###\n# nothing': '1:1: there is no request.',
    'GET / HTTP/2': '1:1: a request line is "METHOD URL" or "METHOD URL HTTP/1.1".',
    GET: '1:1: a URL begins with "/" or "http://host".',
    'GET example.org/': '1:1: a URL begins with "/" or "http://host".',
    'GET http://a:99999/': '1:1: a URL begins with "/" or "http://host".',
    'GET https://a/': '1:1: https is not supported, only http.',
    'GET {{base}}/': '1:1: variables such as {{name}} are not supported.',
    'GET /\n\n###\n\nGET /\nno header': '6:1: a header line is "Name: value".',
    '# expect 20\nGET /': '1:1: the expected status 20 is not from 100 to 599.',
    'POST /\n\n< ./file.json': '3:1: a body from another file is not supported.',
  };
  for (const [text, sentence] of Object.entries(sentences)) {
    t.throws(() => parseHttpFile(text, 'a.http'), {
      instanceOf: JackfieldError,
      code: 'CASES_INVALID',
      message: `The case file is not valid: a.http:${sentence}`,
    });
  }
});

test('any requests in one file are parsed as they were written, with LF or CR LF', (t) => {
  const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8}$/);
  const bodyLine = fc.string({ unit: 'grapheme-ascii' }).filter((line) => !/^(###|<)/.test(line));
  const request = fc.record({
    title: word,
    method: word,
    target: word.map((text) => `/${text}`),
    headers: fc.array(fc.tuple(word, word), { maxLength: 3 }),
    bodyLines: fc.array(bodyLine, { maxLength: 4 }).map((lines) => lines.filter((line) => line !== '')),
  });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1 }), fc.constantFrom('\n', '\r\n'), (requests, lineEnd) => {
      const text = requests
        .flatMap(({ title, method, target, headers, bodyLines }) => [
          `### ${title}`,
          `${method} ${target}`,
          ...headers.map(([name, value]) => `${name}: ${value}`),
          '',
          ...bodyLines,
          '',
        ])
        .join(lineEnd);
      t.deepEqual(
        parseHttpFile(text, 'a.http'),
        requests.map(({ bodyLines, ...rest }) => ({
          ...rest,
          version: '1.1' as const,
          body: bodyLines.join('\n'),
        })),
      );
    }),
  );
});

async function results(text: string, options: RunOptions): Promise<ExchangeResult[]> {
  const all: ExchangeResult[] = [];
  for await (const result of runHttpFile(parseHttpFile(text, 'a.http'), options)) all.push(result);
  return all;
}

test('an expected status is checked; without one any response passes', async (t) => {
  const { port } = await cannedServer(t, (_request, socket) =>
    socket.write('HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'),
  );
  const [any, right, wrong] = await results('GET /\n###\n# expect 404\nGET /\n###\n# expect 200\nGET /', {
    port,
  });
  t.deepEqual(any?.problems, []);
  t.deepEqual(right?.problems, []);
  t.deepEqual(wrong?.problems, ['status: expected 200, received 404']);
});

test('absolute URLs go to their own server, even with one connection for all', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  const one = await cannedServer(t, (_request, socket) => socket.write(answer));
  const two = await cannedServer(t, (_request, socket) => socket.write(answer));
  const text = `GET /\n###\nGET http://127.0.0.1:${two.port}/there\n###\nGET /\n###\nGET /`;
  const all = await results(text, { port: one.port, oneConnection: true });
  t.true(all.every(({ passed }) => passed));
  t.is(one.received.length, 2);
  t.is(two.received.length, 1);
  t.true(two.received[0]?.startsWith('GET /there HTTP/1.1\r\n'));
});

test('a server may close the connection if it has announced that', async (t) => {
  const { port } = await cannedServer(t, (_request, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'),
  );
  const all = await results('GET /\n###\nGET /', { port, oneConnection: true });
  t.true(all.every(({ passed }) => passed));
});

test('answers without a body need no length to keep the connection', async (t) => {
  const { port, received } = await cannedServer(t, (request, socket) =>
    socket.write(request.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 204 No Content\r\n\r\n'),
  );
  const all = await results('HEAD /\n###\nPURGE /\n###\nHEAD /', { port, oneConnection: true });
  t.true(all.every(({ passed }) => passed));
  t.is(received.length, 1);
});

test('a file is read from disk', async (t) => {
  const cwd = await tempFolder(t, { 'a.http': '\uFEFFGET /' });
  t.is((await readHttpFile('a.http', cwd)).length, 1);
  await t.throwsAsync(readHttpFile('b.http', cwd), { code: 'CASES_INVALID' });
  await t.throwsAsync(results('GET /', { port: await deadPort() }), { code: 'SERVER_UNREACHABLE' });
});
