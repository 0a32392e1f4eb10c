/** Varnish with its defaults in front of the server: after a write it does not answer with the old value. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createServer } from '../../core/server.js';
import { reportMissing } from '../support/missing.js';

const PROGRAM = 'varnishd';
const isInstalled = spawnSync(PROGRAM, ['-V'], { stdio: 'ignore' }).status === 0;

/** Varnish cannot choose a free port itself: this one was free a moment ago. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @returns its URL. */
async function varnish(t: ExecutionContext, backend: number): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-'));
  // Varnish drops its privileges before it reads the file.
  await chmod(folder, 0o755);
  const vcl = path.join(folder, 'default.vcl');
  await writeFile(vcl, `vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "${backend}"; }\n`);
  const port = await freePort();
  const child = spawn(
    PROGRAM,
    ['-F', '-f', vcl, '-a', `127.0.0.1:${port}`, '-n', path.join(folder, 'n'), '-s', 'malloc,32m'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  let written = '';
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (octets: Buffer) => {
        written += octets.toString();
        if (/Child launched OK|said Child starts/.test(written)) resolve();
      });
    }
    child.on('close', () => reject(new Error(`varnishd ended:\n${written}`)));
  });
  return `http://127.0.0.1:${port}`;
}

const title = 'Varnish answers a GET after a PUT with the new value';
if (isInstalled) {
  test(title, async (t) => {
    const server = createServer({
      listen: { port: 0 },
      storage: 'memory',
      plugins: ['head', 'get', 'keys', 'watch', 'post', 'put', 'create', 'update'],
    });
    t.teardown(() => server.close());
    const { port } = await server.listen();
    const url = await varnish(t, port);
    const get = async (target: string, method = 'GET') => {
      const answer = await fetch(url + target, { method });
      return { status: answer.status, text: await answer.text(), age: answer.headers.get('age') };
    };
    const put = async (value: string) =>
      (await fetch(`${url}/keys/a`, { method: 'PUT', body: value })).status;

    t.is((await get('/keys/a')).status, 404);
    t.is((await get('/')).text, 'No data in DB');
    t.is((await get('/nothing')).status, 404);
    t.is(await put('1'), 201);
    t.like(await get('/keys/a'), { status: 200, text: '1', age: '0' });
    t.is((await get('/')).text, 'The data in DB is as follows. \n\na:1');
    t.is(await put('2'), 204);
    t.like(await get('/keys/a'), { status: 200, text: '2' });
    t.is((await get('/')).text, 'The data in DB is as follows. \n\na:2');
    t.is((await fetch(`${url}/keys/a`, { method: 'DELETE' })).status, 204);
    t.is((await get('/keys/a')).status, 404);
    // The feed passes through Varnish event by event.
    const stream = await fetch(`${url}/watch`);
    const reader = stream.body?.getReader();
    const next = async () => new TextDecoder().decode((await reader?.read())?.value);
    t.regex(await next(), /event: position/);
    t.is(await put('3'), 201);
    t.regex(await next(), /event: change/);
    await reader?.cancel();
  });
} else reportMissing(test, `${title}: ${PROGRAM} is not installed`);
