/** A server that watches its configuration file survives every change of it, and loads the next valid version. */
import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { type Running, served } from '../support/served.js';

const PLUGIN = `export default {
  name: 'p',
  options: { '~standard': { version: 1, vendor: 'hand', validate: (value) => ({ value }) } },
  setup: ({ handle, options }) => handle('GET', '/', () => options.mark),
};`;

const config = (mark: string, more = {}) =>
  JSON.stringify({ storage: 'memory', plugins: [{ use: './p.mjs', options: { mark } }], ...more });

const text = async (url: string): Promise<string> => (await fetch(url)).text();

/** Counts lines of the log, so that a test can wait for the next one. */
function outcomes(server: Running) {
  const count = (message: string): number => server.log.filter((line) => line.message === message).length;
  const next = async (message: string, change: () => Promise<unknown>) => {
    const before = count(message);
    await change();
    await server.until(
      new RegExp(`(?:"message":"${message.replaceAll('.', '\\.')}"[^]*){${before + 1}}`),
      'stderr',
    );
    return server.log.findLast((line) => line.message === message);
  };
  return {
    reloaded: (change: () => Promise<unknown>) => next('The configuration was reloaded.', change),
    refused: async (change: () => Promise<unknown>) => {
      const line = await next('Reload failed; the previous configuration stays in force.', change);
      const { code, message } = (line?.err ?? {}) as { code?: string; message?: string };
      return `${code} ${message}`;
    },
  };
}

test('--watch copes with half a file, no file, a folder, a link, a replaced file and two saves at once', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': config('0'), 'p.mjs': PLUGIN });
  const file = path.join(cwd, 'jackfield.config.json');
  const { server, url } = await served(t, cwd, ['--watch']);
  const { reloaded, refused } = outcomes(server);

  t.regex(await refused(() => writeFile(file, config('1').slice(0, 30))), /^CONFIG_SYNTAX /);
  t.is(await text(url), '0');
  await reloaded(() => writeFile(file, config('1')));
  t.is(await text(url), '1');

  t.is(
    await refused(() => unlink(file)),
    'CONFIG_UNREADABLE The configuration cannot be read: there is no file jackfield.config.json.',
  );
  t.is(
    await refused(() => mkdir(file)),
    'CONFIG_UNREADABLE The configuration cannot be read: jackfield.config.json is a folder, not a file.',
  );
  await rm(file, { recursive: true });
  // As editors do: write the new file beside the old one and rename it, here twice in a row.
  await reloaded(async () => {
    for (const mark of ['two', '2']) {
      writeFileSync(`${file}~`, config(mark));
      renameSync(`${file}~`, file);
    }
  });
  // On a busy machine the server may check between the two saves; then it reloads twice.
  while ((await text(url)) === 'two') await reloaded(async () => {});
  t.is(await text(url), '2');

  // A mounted ConfigMap: the file is a link through another link, and that other link is replaced.
  await mkdir(path.join(cwd, 'a'));
  await mkdir(path.join(cwd, 'b'));
  await writeFile(path.join(cwd, 'a/c.json'), config('3'));
  await writeFile(path.join(cwd, 'b/c.json'), config('4'));
  await symlink('a', path.join(cwd, '..data'));
  await symlink('..data/c.json', `${file}~`);
  await reloaded(() => rename(`${file}~`, file));
  t.is(await text(url), '3');
  await symlink('b', path.join(cwd, '..next'));
  await reloaded(() => rename(path.join(cwd, '..next'), path.join(cwd, '..data')));
  t.is(await text(url), '4');
  // And the target of the link.
  await reloaded(() => writeFile(path.join(cwd, 'b/c.json'), config('5')));
  t.is(await text(url), '5');

  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test('--watch: a change during the start is not lost', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': config('old'),
    'p.mjs': `import { writeFileSync } from 'node:fs';
      export default {
        ...(${PLUGIN.replace('export default', '').replace(/;\s*$/, '')}),
        setup({ handle, options, folder }) {
          handle('GET', '/', () => options.mark);
          if (options.mark === 'old') writeFileSync(folder + '/jackfield.config.json', ${JSON.stringify(config('new'))});
        },
      };`,
  });
  const { server, url } = await served(t, cwd, ['--watch']);
  await server.until(/The configuration was reloaded/, 'stderr');
  t.is(await text(url), 'new');
});

test('a reload that fails at an address, a certificate or a set-up is reported, and SIGTERM during a reload stops cleanly', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': config('0'),
    'p.mjs': PLUGIN,
    'hangs.mjs': `export default { name: 'hangs', setup({ log, signal }) {
      log.info('hangs now');
      return new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    } };`,
    'late.mjs': `export default { name: 'late', setup() {
      setImmediate(() => { throw new Error('late in setup'); });
      return new Promise((resolve) => setTimeout(resolve, 20)).then(() => { throw new Error('at last'); });
    } };`,
    'broken.pem': '-----BEGIN CERTIFICATE-----\\nnone\\n-----END CERTIFICATE-----\\n',
  });
  const file = path.join(cwd, 'jackfield.config.json');
  const { server, url, port } = await served(t, cwd, ['--control', 'jf.sock']);
  const { reloaded, refused } = outcomes(server);
  const hup = async (more: object, mark = '1'): Promise<void> => {
    await writeFile(file, config(mark, more));
    server.kill('SIGHUP');
  };
  // The port is on the command line; with two listeners it is unclear which one it is for.
  t.regex(await refused(() => hup({ listen: [{}, {}] })), /^USAGE /);
  t.regex(
    await refused(() =>
      hup({ listen: { host: '127.0.0.2', tls: { cert: 'broken.pem', key: 'broken.pem' } } }),
    ),
    /^TLS_INVALID /,
  );
  t.regex(
    await refused(() => hup({ listen: { host: '127.0.0.2', tls: { cert: '.', key: 'none' } } })),
    /^TLS_UNREADABLE /,
  );
  t.regex(await refused(() => hup({ listen: { host: '192.0.2.1' } })), /^ADDRESS_NOT_AVAILABLE /);
  t.regex(
    await refused(() => hup({ plugins: ['./p.mjs', './late.mjs'] })),
    /^PLUGIN_SETUP_FAILED .*"late".*at last/,
  );
  t.is(await text(url), '0');
  t.true(
    server.log.some(
      ({ message, err }) => /outside of any request/.test(String(message)) && err !== undefined,
    ),
  );

  await reloaded(() => hup({}, '2'));
  t.is(await text(url), '2');

  await hup({ plugins: ['./p.mjs', './hangs.mjs'] });
  await server.until(/hangs now/, 'stderr');
  // More signals while the reload hangs: the old configuration still serves.
  server.kill('SIGHUP');
  t.is(await text(`http://127.0.0.1:${port}`), '2');
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
  t.regex(server.stderr, /SERVER_CLOSING/);
});

test('SIGHUP during the start reloads after the start and does not end the process', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': config('1', {}).replace('"plugins":[', '"plugins":["./hup.mjs",'),
    'p.mjs': PLUGIN,
    'hup.mjs': `export default { name: 'hup', async setup() {
      process.kill(process.pid, 'SIGHUP');
      await new Promise((resolve) => setTimeout(resolve, 50));
    } };`,
  });
  const { server, url } = await served(t, cwd);
  t.is(await text(url), '1');
  await server.until(/The configuration was reloaded/, 'stderr');
  t.like(
    server.log.find(({ message }) => message === 'The configuration was reloaded.'),
    { started: [], kept: ['hup', 'p'], left: [] },
  );
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test('an error of a plugin in its abort listener, or in a timer that it leaves running, is logged with its name', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({ storage: 'memory', plugins: ['get', './leaky.mjs'] }),
    'leaky.mjs': `export default { name: 'leaky', setup({ onClose, signal }) {
      signal.addEventListener('abort', () => { throw new Error('when told'); });
      onClose(() => void setTimeout(() => { throw new Error('left behind'); }, 1));
    } };`,
  });
  const { server, url } = await served(t, cwd);
  await writeFile(
    path.join(cwd, 'jackfield.config.json'),
    JSON.stringify({ storage: 'memory', plugins: ['get'] }),
  );
  server.kill('SIGHUP');
  await server.until(/left behind/, 'stderr');
  const errors = server.log.filter(({ level }) => level === 'error');
  t.deepEqual(
    errors.map(({ plugin, err }) => `${plugin}: ${(err as { message: string }).message}`),
    ['leaky: when told', 'leaky: left behind'],
  );
  t.is(await text(url), 'No data in DB');
});
