/**
 * By default nginx sends HTTP/1.0 requests to its upstreams. Its clients must not take a stream that fails for a complete
 * one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import ava, { type ExecutionContext } from 'ava';
import type { PluginContext } from '../../core/plugin-api.js';
import { tempFolder } from '../core/temp-folder.js';
import { RawClient } from '../support/raw-client.js';
import { serverOf } from '../support/who.js';

const isInstalled = spawnSync('nginx', ['-v']).error === undefined;
// `.ci/run` requires nginx.
const test = isInstalled || process.env.CI === 'true' ? ava.serial : ava.serial.skip;

const CONFIG = (folder: string, port: number): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen unix:${folder}/nginx.sock;
    location / {
      proxy_pass http://127.0.0.1:${port};
      proxy_buffering off;
    }
  }
}
`;

/** @returns the path of the socket on which nginx listens. */
async function nginx(t: ExecutionContext, port: number): Promise<string> {
  const folder = await tempFolder(t);
  await writeFile(`${folder}/nginx.conf`, CONFIG(folder, port));
  const child = spawn('nginx', ['-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`], {
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const path = `${folder}/nginx.sock`;
  while (!(await isAnswered(path))) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return path;
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = net.connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test('a stream that fails behind nginx is cut for its client too, and one that ends is complete', async (t) => {
  let goOn: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const versions: string[] = [];
  async function* parts(fails: boolean): AsyncGenerator<string, void, undefined> {
    yield 'begun';
    await held;
    if (fails) throw new Error('on purpose');
    yield 'finished';
  }
  const streams = {
    name: 'streams',
    setup({ handle }: PluginContext) {
      handle('GET', '/:how', ({ params, httpVersion }) => {
        versions.push(httpVersion);
        return parts(params.how === 'failing');
      });
    },
  };
  const { port } = await serverOf(t, { plugins: [streams], allowedHosts: '*' }).listen();
  const path = await nginx(t, port);
  const [failing, whole] = await Promise.all(
    ['failing', 'whole'].map(async (how) => {
      const peer = await RawClient.to(t, { path });
      peer.send(`GET /${how} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      await peer.receive('begun');
      return peer;
    }),
  );
  t.deepEqual(versions, ['1.0', '1.0']);
  goOn();
  await whole!.receive('0\r\n\r\n');
  await failing!.closed();
  t.true(whole!.unread.includes('finished'));
  t.false(failing!.unread.includes('0\r\n\r\n'), failing!.unread);
});
