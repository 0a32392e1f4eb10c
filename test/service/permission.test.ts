/**
 * Node's permission model, `--permission`, refuses different things in different versions. Either everything works, or the
 * start reports what does not; nothing fails later.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { MAIN, runToEnd } from '../repository.js';

const { allowedNodeEnvironmentFlags: flags } = process;
const MODEL = flags.has('--permission') ? '--permission' : '--experimental-permission';

function permissions(folder: string): string[] {
  return ['--no-warnings', MODEL, '--allow-fs-read=*', `--allow-fs-write=${folder}`];
}

const NETWORK = flags.has('--allow-net') ? ['--allow-net'] : [];

/** Whether the permission model allows syncing a handle. */
async function canSync(folder: string): Promise<boolean> {
  const program =
    "const file = await fs.promises.open('probe', 'w'); await file.sync(); await file.close(); await fs.promises.unlink('probe');";
  const args = [...permissions(folder), '--input-type=module', '-e', `import fs from 'node:fs'; ${program}`];
  return (await runToEnd(process.execPath, args, { cwd: folder })).code === 0;
}

test('the default store works, or is refused before the server listens', async (t) => {
  const cwd = await tempFolder(t);
  const args = [...permissions(cwd), ...NETWORK, MAIN, 'check'];
  const { code, stderr } = await runToEnd(process.execPath, args, { cwd });
  if (await canSync(cwd)) t.is(code, 0, stderr);
  else {
    t.is(code, 1);
    t.regex(stderr, /Start Node without --permission.*\[STORAGE_NOT_DURABLE\]/);
  }
});

test('a server with a store in memory serves without the watchdog, and logs that', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "storage": "memory" }' });
  const args = [...permissions(cwd), ...NETWORK, MAIN, 'serve', '--port', '0'];
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let stderr = '';
  const unwatched = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (stderr.includes('The event loop is not watched')) resolve();
    });
  });
  let stdout = '';
  const listening = new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const [, url] = /listening on (\S+)\n/.exec(stdout) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  const early = ended.then(() => Promise.reject(new Error(`It ended: ${stderr}`)));
  const url = await Promise.race([listening, early]);
  // With built-in plugins only, the thread would start with the first client.
  t.notRegex(stderr, /The event loop is not watched/);
  t.is((await fetch(`${url}/create`, { method: 'POST', body: 'tea: green' })).status, 200);
  await Promise.race([unwatched, early]);
  child.kill('SIGTERM');
  t.deepEqual(await ended, [0, null]);
});

if (NETWORK.length > 0) {
  test('without --allow-net the port is refused with a code', async (t) => {
    const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "storage": "memory" }' });
    const args = [...permissions(cwd), MAIN, 'serve', '--port', '0'];
    const { code, stderr } = await runToEnd(process.execPath, args, { cwd });
    t.is(code, 1);
    t.regex(stderr, /Start it with --allow-net\. \[PORT_FORBIDDEN\]/);
  });
}
