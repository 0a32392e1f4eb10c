/** The proxy in front of nginx: files, ranges, conditions, compression, uploads, over connections that are kept. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import ava, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { field, request, serve, withBody } from '../support/raw-client.js';

const isInstalled = spawnSync('nginx', ['-v']).error === undefined;
// `.ci/run` installs it: there it must not be missing.
const test = isInstalled || process.env.CI === 'true' ? ava.serial : ava.serial.skip;

const CONFIG = (folder: string, port: number): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  log_format line '$connection $connection_requests $request_method $uri $status';
  access_log ${folder}/access.log line;
  keepalive_timeout 60 60;
  gzip on;
  gzip_min_length 1;
  gzip_types *;
  gzip_proxied any;
  client_max_body_size 20m;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/public;
    location /up/ { dav_methods PUT; create_full_put_path on; }
    location /moved { return 301 /there; }
  }
}
`;

const LARGE = Array.from({ length: 400_000 }, (_, at) => `${at}\n`).join('');

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // It listens on a port.
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function nginx(t: ExecutionContext): Promise<{ folder: string; port: number }> {
  const folder = await tempFolder(t);
  const port = await freePort();
  await mkdir(`${folder}/public`);
  await writeFile(`${folder}/public/small`, 'hello');
  await writeFile(`${folder}/public/large`, LARGE);
  await writeFile(`${folder}/nginx.conf`, CONFIG(folder, port));
  const child = spawn('nginx', ['-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`], {
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  while (!(await isAnswered(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { folder, port };
}

async function isAnswered(port: number): Promise<boolean> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test('nginx is served whole through the proxy, over one connection', async (t) => {
  const { folder, port } = await nginx(t);
  const mounts = [{ target: `http://127.0.0.1:${port}`, maxBodyOctets: 20_000_000 }];
  const { connect } = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }] });
  const client = await connect();
  const ask = async (octets: string, method = 'GET') => {
    client.send(octets);
    return client.response(method);
  };
  const small = await ask(request('GET /small'));
  t.is(small.body, 'hello');
  t.is(small.framing, 'length');
  const etag = field(small, 'etag')!;
  t.is((await ask(request('GET /small', [`If-None-Match: ${etag}`]))).status, 304);
  const head = await ask(request('HEAD /small'), 'HEAD');
  t.is(field(head, 'content-length'), '5');
  const part = await ask(request('GET /small', ['Range: bytes=1-2']));
  t.is(part.status, 206);
  t.is(part.body, 'el');
  t.is(field(part, 'content-range'), 'bytes 1-2/5');
  t.is((await ask(request('GET /absent'))).status, 404);
  t.is(field(await ask(request('GET /moved')), 'location'), '/there');
  t.is((await ask(request('GET /large'))).body.length, LARGE.length);
  const packed = await ask(request('GET /large', ['Accept-Encoding: gzip']));
  t.is(packed.framing, 'chunked');
  t.is(field(packed, 'content-encoding'), 'gzip');
  t.is((await ask(withBody('PUT /up/file', LARGE))).status, 201);
  t.is(await readFile(`${folder}/public/up/file`, 'latin1'), LARGE);
  t.is((await ask(request('GET /small'))).body, 'hello');
  const lines = (await readFile(`${folder}/access.log`, 'utf8')).trim().split('\n');
  t.is(new Set(lines.map((line) => line.split(' ', 1)[0])).size, 1, lines.join('\n'));
});
