/** The command reloads on SIGHUP, on `jackfield reload`, and when the file changes. */
import { rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { ran, served } from '../support/served.js';

const config = (mark: string, more = {}) =>
  JSON.stringify({ storage: 'memory', plugins: [{ use: './p.js', options: { mark } }], ...more });

const FILES = {
  'package.json': '{ "type": "module" }',
  'jackfield.config.json': config('one'),
  'p.js': `export default {
    name: 'p',
    options: { '~standard': { version: 1, vendor: 'hand', validate: (value) =>
      typeof value.mark === 'string' ? { value } : { issues: [{ message: 'a string', path: ['mark'] }] } } },
    setup({ handle, onClose, log, options }) {
      handle('GET', '/', () => options.mark);
      onClose(() => log.info('closed ' + options.mark));
    },
  };`,
};

const text = async (url: string): Promise<string> => (await fetch(url)).text();

test('SIGHUP loads the changed file; if it has faults, they are logged and the old configuration stays in force', async (t) => {
  const cwd = await tempFolder(t, FILES);
  const { server, url } = await served(t, cwd);
  t.is(await text(url), 'one');
  await writeFile(path.join(cwd, 'jackfield.config.json'), config('two'));
  server.kill('SIGHUP');
  await server.until(/"message":"closed one"/, 'stderr');
  await server.until(/was reloaded/, 'stderr');
  t.is(await text(url), 'two');
  t.like(
    server.log.find(({ message }) => message === 'The configuration was reloaded.'),
    { level: 'info', started: ['p'], kept: [], left: ['p'] },
  );
  await writeFile(path.join(cwd, 'jackfield.config.json'), '{ "plugins": [');
  server.kill('SIGHUP');
  await server.until(/Reload failed; the previous configuration stays in force\./, 'stderr');
  t.is(await text(url), 'two');
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test('jackfield reload prints the result and sets its exit code', async (t) => {
  const cwd = await tempFolder(t, FILES);
  const { server, url } = await served(t, cwd, ['--control', 'jf.sock']);
  // Only its own user may connect.
  t.is((await stat(path.join(cwd, 'jf.sock'))).mode & 0o777, 0o600);
  await writeFile(path.join(cwd, 'jackfield.config.json'), config('two'));
  t.like(await ran(t, ['reload', '--control', 'jf.sock'], cwd), {
    code: 0,
    stdout: 'reloaded: 1 started (p), none kept, 1 closed (p)\n',
    stderr: '',
  });
  t.is(await text(url), 'two');

  await writeFile(path.join(cwd, 'p.js'), `${FILES['p.js']}\n`);
  const again = await ran(t, ['reload', '--control', 'jf.sock', '--json'], cwd);
  t.deepEqual(JSON.parse(again.stdout), {
    ok: true,
    lines: [
      'reloaded: none started, 1 kept (p), none closed',
      `${path.join(cwd, 'p.js')} has changed, but a reload does not reload code: restart the server to run it`,
    ],
  });

  await writeFile(
    path.join(cwd, 'jackfield.config.json'),
    '{ "storage": "memory", "plugins": ["gte", { "use": "./p.js", "options": {} }] }',
  );
  const failed = await ran(t, ['reload', '--control', 'jf.sock'], cwd);
  t.like(failed, { code: 1, stdout: '' });
  const [first, second, third] = failed.stderr.split('\n');
  t.is(
    first,
    'jackfield: The server keeps its old configuration: fix the following errors and reload again. [RELOAD_FAILED]',
  );
  t.regex(
    String(second),
    /^jackfield: No such plugin: "gte" at jackfield\.config\.json:1:36\. Did you mean "get"\?.* \[PLUGIN_UNKNOWN\]$/,
  );
  t.is(
    third,
    'jackfield: The options of a plugin are not valid: plugin "p": jackfield.config.json:1:73: plugins[1].options.mark: a string [PLUGIN_OPTIONS_INVALID]',
  );
  t.is(await text(url), 'two');

  await writeFile(path.join(cwd, 'jackfield.config.json'), config('two', { storage: 'lru' }));
  t.regex((await ran(t, ['reload', '--control', 'jf.sock'], cwd)).stderr, /\[RELOAD_NEEDS_RESTART\]\n$/);
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
  await t.throwsAsync(stat(path.join(cwd, 'jf.sock')), { code: 'ENOENT' });
});

test('a control socket in use by another server is reported, and nothing is left running', async (t) => {
  const cwd = await tempFolder(t, FILES);
  await served(t, cwd, ['--control', 'jf.sock']);
  const second = await ran(t, ['serve', '--port', '0', '--control', 'jf.sock'], cwd);
  t.is(second.code, 1);
  t.regex(second.stderr, /^jackfield: The Unix socket is in use: .*jf\.sock.*\[SOCKET_IN_USE\]$/m);
});

test('--watch reloads when the file is written, and when another file replaces it', async (t) => {
  const cwd = await tempFolder(t, FILES);
  const { server, url } = await served(t, cwd, ['--watch']);
  await writeFile(path.join(cwd, 'jackfield.config.json'), config('two'));
  await server.until(/"message":"closed one"/, 'stderr');
  t.is(await text(url), 'two');
  await writeFile(path.join(cwd, 'next'), config('three'));
  await rename(path.join(cwd, 'next'), path.join(cwd, 'jackfield.config.json'));
  await server.until(/"message":"closed two"/, 'stderr');
  t.is(await text(url), 'three');
});

test('a configuration that is a module is imported again, and its function is called again', async (t) => {
  const module = (mark: string) =>
    `import { readFileSync } from 'node:fs';
     export default () => ({
       storage: 'memory',
       plugins: [{ use: './p.js', options: { mark: '${mark}' + readFileSync(new URL('more.txt', import.meta.url), 'utf8') } }],
     });`;
  const { 'jackfield.config.json': _, ...files } = FILES;
  const cwd = await tempFolder(t, { ...files, 'jackfield.config.mjs': module('one'), 'more.txt': '!' });
  const { server, url } = await served(t, cwd);
  t.is(await text(url), 'one!');
  await writeFile(path.join(cwd, 'more.txt'), '?');
  server.kill('SIGHUP');
  await server.until(/"message":"closed one!"/, 'stderr');
  t.is(await text(url), 'one?');
  await writeFile(path.join(cwd, 'jackfield.config.mjs'), module('two'));
  server.kill('SIGHUP');
  await server.until(/"message":"closed one\?"/, 'stderr');
  t.is(await text(url), 'two?');
});
