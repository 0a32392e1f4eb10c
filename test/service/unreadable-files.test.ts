/** Files that the user of the server must not read. Root may read all, so the server runs as another user then. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { MAIN } from '../repository.js';

const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

(process.platform === 'win32' ? test.skip : test)(
  'a file that must not be read is 404 for GET and HEAD, is logged, and is served once it may be read',
  async (t) => {
    const cwd = await tempFolder(t, {
      'jackfield.config.json': JSON.stringify({
        listen: { port: 0 },
        storage: 'memory',
        plugins: [{ use: 'static-files', options: { mounts: [{ root: 'public' }] } }],
      }),
      'public/open.txt': 'open',
      'public/closed.txt': 'closed',
      'public/large.bin': Buffer.alloc(2_000_000),
    });
    for (const place of ['', 'public']) await chmod(path.join(cwd, place), 0o755);
    for (const name of ['closed.txt', 'large.bin']) await chmod(path.join(cwd, 'public', name), 0);
    const child = spawn(process.execPath, [MAIN, 'serve'], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...user,
    });
    const ended = once(child, 'close');
    t.teardown(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    let stdout = '';
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const url = await new Promise<string>((resolve, reject) => {
      child.on('close', () => reject(new Error(stderr)));
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        const [, found] = /listening on (\S+)\n/.exec(stdout) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    const status = async (name: string, method = 'GET') => (await fetch(`${url}/${name}`, { method })).status;
    t.is(await status('open.txt'), 200);
    for (const name of ['closed.txt', 'large.bin'])
      for (const method of ['GET', 'HEAD', 'GET', 'HEAD']) t.is(await status(name, method), 404, name);
    t.regex(stdout + stderr, /must not be read/);
    for (const name of ['closed.txt', 'large.bin']) {
      await chmod(path.join(cwd, 'public', name), 0o644);
      for (const method of ['GET', 'HEAD', 'GET', 'HEAD']) t.is(await status(name, method), 200, name);
      await chmod(path.join(cwd, 'public', name), 0);
      for (const method of ['GET', 'HEAD']) t.is(await status(name, method), 404, name);
    }
  },
);
