import test from 'ava';
import { cannedServer, classicAnswer, deadPort } from '../client/canned-server.js';
import { tempFolder } from '../temp-folder.js';
import { ran } from './around.js';

const request = { method: 'GET', host: '127.0.0.1', path: '', body: '' };
const cases = JSON.stringify([
  {
    case: 1,
    title: 'hello',
    request,
    response: { status: 200, reason: 'OK', host: '127.0.0.1/', body: 'hi' },
  },
  { case: 2, title: 'stop', request: { ...request, method: 'END', body: 'bye' }, response: null },
]);

test('every exchange is printed in the format of the original client, then a summary', async (t) => {
  const cwd = await tempFolder(t, { 'cases.json': cases });
  const { port } = await cannedServer(t, (received, socket) => {
    if (received.startsWith('END')) socket.end();
    else socket.write(classicAnswer(200, 'OK', '127.0.0.1/', 'hi'));
  });
  for (const flags of [[], ['--one-connection']]) {
    t.deepEqual(await ran(['client', 'cases.json', '--port', String(port), ...flags], cwd), {
      code: 0,
      stdout: `### Test Case 1: hello
Sending Request...
GET / HTTP/1.1
Host: 127.0.0.1/
Content-Type: text/html
Connection: keep-alive
Content-Length: 0

Receiving Response...
Response data:
HTTP/1.1 200 OK
Host: 127.0.0.1/
Content-Type: text/html
Connection: keep-alive
Content-Length: 2
Date: Tue, 03 May 2022 12:11:44 KST

hi
Finish...

### Test Case 2: stop
Sending Request...
END / HTTP/1.1
Host: 127.0.0.1/
Content-Type: text/html
Connection: keep-alive
Content-Length: 3

bye
Receiving Response...
Response data:

Finish...

2 passed, 0 failed
`,
      stderr: '',
    });
  }
});

test('with --bare-lf one line of every request ends in LF alone', async (t) => {
  const cwd = await tempFolder(t, { 'cases.json': cases, 'get.http': 'GET /\n' });
  const { port, received } = await cannedServer(t, (request, socket) => {
    if (request.startsWith('END')) socket.end();
    else socket.write(classicAnswer(200, 'OK', '127.0.0.1/', 'hi'));
  });
  const { code } = await ran(['client', 'cases.json', '-p', String(port), '--bare-lf', 'connection'], cwd);
  t.is(code, 0);
  t.is(received.length, 2);
  for (const request of received) t.regex(request, /\r\nConnection: keep-alive\nContent-Length: \d\r\n\r\n/);

  const strange = await ran(['client', 'cases.json', '--bare-lf', 'host'], cwd);
  t.is(strange.code, 2);
  t.true(
    strange.stderr.includes('--bare-lf takes one of connection, content-length, empty-line, not "host".'),
  );
  const standard = await ran(['client', 'get.http', '--bare-lf', 'connection'], cwd);
  t.is(standard.code, 2);
  t.true(standard.stderr.includes('Omit it for get.http.'), standard.stderr);
});

test('a mismatch is reported after its exchange, and the exit code is 1', async (t) => {
  const cwd = await tempFolder(t, { 'cases.json': cases });
  const { port } = await cannedServer(t, (received, socket) => {
    if (received.startsWith('END')) socket.end();
    else socket.write(classicAnswer(200, 'OK', '127.0.0.1/', 'h\x1bi'));
  });
  const { code, stdout } = await ran(['client', 'cases.json', '-p', String(port)], cwd);
  t.is(code, 1);
  t.true(
    stdout.includes(
      'h\\x1bi\nFinish...\nMISMATCH Content-Length: expected "2", received "3"\n' +
        'MISMATCH body: differs from octet 2 on; expected 2 octets "hi", received 3 octets "h\\u001bi"\n\n###',
    ),
  );
  t.true(stdout.endsWith('\n1 passed, 1 failed\n'));
});

test('--json prints one object for programs', async (t) => {
  const cwd = await tempFolder(t, { 'cases.json': cases });
  const { port } = await cannedServer(t, (_received, socket) => socket.end());
  const { code, stdout } = await ran(['client', 'cases.json', '-p', String(port), '--json'], cwd);
  t.is(code, 1);
  const { passed, failed, results } = JSON.parse(stdout) as {
    passed: number;
    failed: number;
    results: { title: string; passed: boolean; problems: string[]; request: string; response: string }[];
  };
  t.deepEqual([passed, failed], [1, 1]);
  t.deepEqual(results[0]?.problems, ['expected a response, received nothing before the connection closed']);
  t.true(results[1]?.request.startsWith('END / HTTP/1.1\r\n'));
});

test('an .http file is run as standard HTTP', async (t) => {
  const cwd = await tempFolder(t, {
    'a.http': '### Hello\n# expect 200\nGET /\n###\n# expect 404\nGET /none',
  });
  const { port, received } = await cannedServer(t, (text, socket) => {
    const status = text.startsWith('GET / ') ? '200 OK' : '404 Not Found';
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
  });
  const { code, stdout } = await ran(['client', 'a.http', '-p', String(port)], cwd);
  t.is(code, 0);
  t.true(stdout.startsWith('### Hello\nSending Request...\nGET / HTTP/1.1\n'));
  t.true(stdout.endsWith('\n2 passed, 0 failed\n'));
  t.is(received[0], `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
});

test('an unreachable server is one line and exit code 1', async (t) => {
  const cwd = await tempFolder(t, { 'cases.json': cases });
  const port = await deadPort();
  t.deepEqual(await ran(['client', 'cases.json', '--port', String(port)], cwd), {
    code: 1,
    stdout: '',
    stderr: `jackfield: The server cannot be reached: 127.0.0.1:${port}: nothing listens there. [SERVER_UNREACHABLE]\n`,
  });
});

test('faults of a case file are reported line by line', async (t) => {
  const cwd = await tempFolder(t, { 'cases.json': '[{ "case": "x" }]' });
  const { code, stderr } = await ran(['client', 'cases.json'], cwd);
  t.is(code, 1);
  t.true(
    stderr.startsWith('jackfield: The case file is not valid: cases.json:1:2: [0].title: expected a string'),
  );
  t.regex(
    stderr,
    /\njackfield: cases\.json:1:12: \[0\]\.case: expected a whole number, found "x" \[CASES_INVALID\]\n/,
  );
});
