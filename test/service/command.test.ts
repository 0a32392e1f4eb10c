/** The commands besides serve, and the output of serve --verbose. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { RawClient } from '../support/raw-client.js';
import { ran, served } from '../support/served.js';
import { classicRequest } from '../transcript/classic-request.js';

const DEFAULTS = ['head', 'get', 'post', 'put', 'create', 'update', 'classic', 'end'];

test('serve --verbose prints the ready line, then every request as received and every answer as sent', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "storage": "memory" }' });
  const { server, port } = await served(t, cwd, ['--verbose']);
  const ready = `jackfield listening on http://127.0.0.1:${port}\n`;
  t.is(server.stdout, ready);

  const classic = await RawClient.connect(port);
  classic.send(classicRequest('POST', '127.0.0.1/create', 'a: 1'));
  await classic.next();
  const standard = await RawClient.connect(port);
  standard.send('GET / HTTP/1.1\r\nHost: localhost\r\nX-Note: bell \x07 colour \x1b[31m\r\n\r\n');
  await standard.next();
  const hostile = net.connect(port, '127.0.0.1');
  hostile.write('PUT /update HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 26\r\n\r\n');
  // Terminal escapes: a title, a CSI in UTF-8, an overwritten line, reversed text, and octets that are not UTF-8.
  hostile.write(Buffer.from('b: ü\x1b]0;t\x07\x9b2J!\rover\u202e', 'utf8'));
  hostile.end(Buffer.from([0x9b, 0xff]));
  hostile.resume();
  await once(hostile, 'close');
  server.kill('SIGTERM');

  const { code, stdout } = await server.ended;
  t.is(code, 0);
  const shown = stdout.replaceAll(/^Date: .*$/gm, 'Date: *');
  t.true(shown.startsWith(ready));
  t.true(
    shown.includes(
      [
        '### Connection 1',
        'Receiving Request...',
        'POST / HTTP/1.1',
        'Host: 127.0.0.1/create',
        'Content-Type: text/html',
        'Connection: keep-alive',
        'Content-Length: 4',
        '',
        'a: 1',
        'Sending Response...',
        'HTTP/1.1 200 OK',
        'Host: 127.0.0.1/create',
        'Content-Type: text/html',
        'Connection: keep-alive',
        'Content-Length: 25',
        'Date: *',
        '',
        'a:1',
        'Post Successfully OK',
        '### Connection 2',
        'Receiving Request...',
        'GET / HTTP/1.1',
        'Host: localhost',
        'X-Note: bell \\x07 colour \\x1b[31m',
        '',
        'Sending Response...',
        'HTTP/1.1 400 Bad Request',
        '',
      ].join('\n'),
    ),
    shown,
  );
  t.true(shown.includes('\n\nb: ü\\x1b]0;t\\x07\\x9b2J!\\x0dover\\u202e\\x9b\\xff\n'), shown);
  t.regex(shown, /^[\n\x20-\x7e\xa0-\uffff]*$/, 'nothing in it drives a terminal');
});

test('check reports a valid configuration, does not listen and leaves no files', async (t) => {
  const cwd = await tempFolder(t);
  t.deepEqual(await ran(t, ['check'], cwd), {
    code: 0,
    signal: null,
    stdout: 'The built-in configuration is valid: 8 plugins, storage json-file\n',
    stderr: '',
    listened: '',
  });
  t.deepEqual(await readdir(cwd), []);
  const { code, stdout } = await ran(t, ['check', '--json'], cwd);
  t.is(code, 0);
  const { supports, ...told } = JSON.parse(stdout);
  t.deepEqual(told, { valid: true, file: null, plugins: 8, storage: 'json-file' });
  t.like(supports, { durable: true, shared: 'process', bounded: false });
});

test('plugins lists the plugins with their claims, as a table or as JSON, and does not listen', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({
      storage: 'memory',
      plugins: ['./first.mjs', ...DEFAULTS, 'packaged', '@me/lens'],
    }),
    'first.mjs': `export default { name: 'first', needs: ['get'], setup({ handle }) { handle('LIST', '/first/:name', () => ''); } };`,
    'node_modules/@me/jackfield-plugin-lens/package.json': '{ "version": "1.0.0", "main": "main.cjs" }',
    'node_modules/@me/jackfield-plugin-lens/main.cjs': `exports.name = 'lens'; exports.setup = () => {};`,
    'node_modules/jackfield-plugin-packaged/package.json':
      '{ "version": "3.2.1", "type": "module", "exports": "./main.js" }',
    'node_modules/jackfield-plugin-packaged/main.js': `export default { name: 'packaged', setup() {} };`,
  });
  const table = await ran(t, ['plugins'], cwd);
  t.like(table, { code: 0, stderr: '', listened: '' });
  const rows = table.stdout
    .trimEnd()
    .split('\n')
    .map((row) => row.split(/ {2,}/));
  t.deepEqual(rows[0], ['#', 'NAME', 'ORIGIN', 'VERSION', 'SET-UP', 'CLAIMS']);
  // "get" comes before "first", which needs it.
  t.deepEqual(
    rows.slice(1).map(([order, name, origin]) => [order, name, origin]),
    [
      ['1', 'get', 'built-in'],
      ['2', 'first', 'file'],
      ...DEFAULTS.filter((name) => name !== 'get').map((name, at) => [String(at + 3), name, 'built-in']),
      ['10', 'packaged', 'package'],
      ['11', 'lens', 'package'],
    ],
  );
  t.is(rows[2]?.at(-1), 'LIST /first/:name');
  t.is(rows[10]?.[3], '3.2.1');

  const { code, stdout } = await ran(t, ['plugins', '--json'], cwd);
  t.is(code, 0);
  const reports: Record<string, unknown>[] = JSON.parse(stdout);
  t.is(reports.length, 11);
  t.like(reports[1], {
    order: 2,
    name: 'first',
    origin: 'file',
    file: path.join(cwd, 'first.mjs'),
    claims: [{ method: 'LIST', pattern: '/first/:name' }],
  });
  t.like(reports[9], { order: 10, name: 'packaged', origin: 'package', version: '3.2.1', claims: [] });
});

test('--help and --version print to stdout, even if the configuration has faults', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': 'no JSON' });
  const help = await ran(t, ['--help'], cwd);
  t.like(help, { code: 0, stderr: '', listened: '' });
  for (const command of ['serve', 'check', 'plugins', 'client'])
    t.regex(help.stdout, new RegExp(`\\n {2}${command} `));
  const own = await ran(t, ['serve', '--help'], cwd);
  t.regex(own.stdout, /^Usage: jackfield serve \[FLAGS\]\n/);
  t.is(own.code, 0);

  // From dist/test/service.
  const manifest = await readFile(path.resolve(import.meta.dirname, '../../../package.json'), 'utf8');
  const version = await ran(t, ['--version'], cwd);
  t.like(version, { code: 0, stdout: `${JSON.parse(manifest).version}\n`, stderr: '', listened: '' });
});

test('check and plugins work while a server has the store locked, without reading its data', async (t) => {
  const plugins = [...DEFAULTS, 'watch'];
  const cwd = await tempFolder(t, { 'jackfield.config.json': JSON.stringify({ plugins }) });
  const { server, url } = await served(t, cwd);
  t.is((await fetch(`${url}/create`, { method: 'POST', body: 'a: 1' })).status, 200);
  const locks = async () => (await readdir(cwd)).filter((name) => name.includes('.lock-'));
  const before = await locks();
  const check = await ran(t, ['check'], cwd);
  t.is(check.stdout, 'jackfield.config.json is valid: 9 plugins, storage json-file\n');
  t.is(check.code, 0);
  t.regex(
    check.stderr,
    new RegExp(
      `^jackfield: note: .*process ${server.pid}.*\\[STORAGE_LOCKED\\]\njackfield: note: .*not checked`,
    ),
  );
  const { stdout } = await ran(t, ['check', '--json'], cwd);
  t.like(JSON.parse(stdout), { isStoreInUse: true, supports: { durable: true, watch: true } });
  t.regex((await ran(t, ['plugins'], cwd)).stdout, /GET \/watch/);
  t.deepEqual(await locks(), before);
  t.is(await (await fetch(`${url}/`)).text(), 'The data in DB is as follows. \n\na:1');
});
