/** The log names a plugin that blocks the event loop while it does so, even if it never stops. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { served } from '../support/served.js';

const FILES = {
  'package.json': '{ "type": "module" }',
  // These loops never yield, so only another thread can see them.
  'spinner.js': `import { existsSync } from 'node:fs';
export default {
  name: 'spinner',
  setup({ handle, folder }) {
    handle('GET', '/until', function spinUntil({ query }) {
      while (!existsSync(folder + '/' + query.get('file')));
      return 'done';
    });
    handle('GET', '/later', async function spinLater() {
      await null;
      await new Promise(setImmediate);
      while (!existsSync(folder + '/later'));
      return 'done';
    });
    handle('GET', '/forever', () => { for (;;); });
  },
};`,
  'jackfield.config.json': JSON.stringify({
    limits: { blockedLoopMs: 100 },
    plugins: ['head', 'get', { use: './spinner.js', as: 'whirl' }],
  }),
};

test('a plugin that blocks the loop is logged with its line, and so is the end of the blockage', async (t) => {
  const cwd = await tempFolder(t, FILES);
  const { server, url } = await served(t, cwd);
  const answer = fetch(`${url}/until?file=flag`);
  await server.until(/blocks the event loop/, 'stderr');
  const [warning] = server.log;
  t.like(warning, {
    level: 'warn',
    plugin: 'whirl',
    message: 'A plugin blocks the event loop; no other request is served meanwhile.',
  });
  t.true(Number(warning?.blockedMs) >= 100);
  const at = warning?.at as string[];
  t.true(
    at.some((place) => place.startsWith(`spinUntil (${path.join(cwd, 'spinner.js')}:6:`)),
    at.join('\n'),
  );
  await writeFile(path.join(cwd, 'flag'), '');
  t.is(await (await answer).text(), 'done');
  await server.until(/The event loop runs again\./, 'stderr');
  t.like(server.log[1], { level: 'warn', plugin: 'whirl' });
});

test('a plugin that blocks after an await or after a reload is named too', async (t) => {
  const cwd = await tempFolder(t, FILES);
  const { server, url } = await served(t, cwd);
  const config = FILES['jackfield.config.json'].replace('whirl', 'gyre');
  await writeFile(path.join(cwd, 'jackfield.config.json'), config);
  server.kill('SIGHUP');
  await server.until(/was reloaded/, 'stderr');
  const answer = fetch(`${url}/later`);
  await server.until(/blocks the event loop/, 'stderr');
  t.like(server.log.at(-1), { plugin: 'gyre' });
  await writeFile(path.join(cwd, 'later'), '');
  t.is(await (await answer).text(), 'done');
});

test('an endless loop is named although the process can do nothing else', async (t) => {
  const { server, url } = await served(t, await tempFolder(t, FILES));
  fetch(`${url}/forever`).catch(() => {});
  await server.until(/blocks the event loop/, 'stderr');
  t.like(server.log[0], { plugin: 'whirl' });
  server.kill('SIGKILL');
  await server.ended;
});
