/**
 * A process is stopped for longer than its deadlines, as when a machine sleeps. Data that its peers sent in time counts,
 * although the process reads it late.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import ava, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { ONE } from '../support/certificates.js';
import { RawClient } from '../support/raw-client.js';
import { type Running, served, start } from '../support/served.js';

/** Needs signals that stop a process, and `/proc` to see that it has stopped. */
const test = process.platform === 'linux' ? ava : ava.skip;

/** Ends before the process goes on. A busy machine takes time to stop a process, so it is not shorter. */
const DEADLINE_MS = 2_000;
/** After this time two ticks have passed, and the wait has a start time. */
const TICKS_MS = DEADLINE_MS / 4;

const FILES = {
  'package.json': '{ "type": "module" }',
  'cert.pem': ONE.cert,
  'key.pem': ONE.key,
  'reader.js': `export default {
  name: 'reader',
  setup({ handle, log }) {
    handle('POST', '/', async (request) => {
      const parts = [];
      for await (const part of request.body) {
        parts.push(part);
        log.warn('It has begun.');
      }
      return Buffer.concat(parts).toString();
    });
    handle('GET', '/spin', function spin() {
      const end = performance.now() + 6_000;
      while (performance.now() < end);
      return 'done';
    });
  },
};`,
};

/** Stops the process, calls `meanwhile`, lets every deadline pass and continues the process. */
async function paused(server: Running, meanwhile: () => Promise<unknown>): Promise<void> {
  server.kill('SIGSTOP');
  // The state is the third field, after the name in parentheses.
  while (!/\) T /.test(await readFile(`/proc/${server.pid}/stat`, 'utf8'))) await sleep(1);
  try {
    await meanwhile();
    await sleep(DEADLINE_MS);
  } finally {
    server.kill('SIGCONT');
  }
}

/** Resolves when the kernel has accepted all octets. */
function sent(socket: net.Socket, text: string): Promise<void> {
  return new Promise((resolve) => void socket.write(text, 'latin1', () => resolve()));
}

const folder = (t: ExecutionContext, config: object): Promise<string> =>
  tempFolder(t, { ...FILES, 'jackfield.config.json': JSON.stringify(config) });

const limits = {
  headerTimeoutMs: DEADLINE_MS,
  requestTimeoutMs: DEADLINE_MS,
  idleTimeoutMs: 60_000,
  handlerTimeoutMs: 60_000,
};

for (const [way, listen] of Object.entries({
  'one read buffer': { sharedReadBuffer: true },
  'a buffer per read': { sharedReadBuffer: false },
  TLS: { tls: { cert: 'cert.pem', key: 'key.pem' } },
})) {
  test(`${way}: the rest of a head and of a body that arrived during a pause is read and answered`, async (t) => {
    const cwd = await folder(t, { listen: { port: 0, ...listen }, limits, plugins: ['./reader.js'] });
    const server = start(t, ['serve'], cwd);
    const port = Number((await server.until(/^jackfield listening on \S+:(\d+)\n/))[1]);
    const socket =
      way === 'TLS'
        ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
        : net.connect(port, '127.0.0.1');
    await once(socket, way === 'TLS' ? 'secureConnect' : 'connect');
    const peer = new RawClient(socket);
    const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n';
    peer.send(`${head}hello`);
    await server.until(/It has begun\./, 'stderr');
    await sleep(TICKS_MS);
    await paused(server, () => sent(socket, 'world'));
    await peer.receive('helloworld');
    t.regex(peer.unread, /^HTTP\/1\.1 200 /);
    t.deepEqual(await peer.answers(1), ['200']);
    // Half of a head: when the answer before it has arrived, the server has read that half.
    peer.send(`${head}0123456789${head.slice(0, 30)}`);
    await peer.receive('0123456789');
    await sleep(TICKS_MS);
    await paused(server, () => sent(socket, `${head.slice(30)}9876543210`));
    await peer.receive('9876543210');
    t.deepEqual(await peer.answers(3), ['200', '200', '200']);
  });
}

test('an upstream answer that arrived during a pause is passed on', async (t) => {
  const upstream = net.createServer();
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  // The upstream listens on a port.
  const { port: target } = upstream.address() as net.AddressInfo;
  const mount = {
    prefix: '/',
    target: `http://127.0.0.1:${target}`,
    responseTimeoutMs: DEADLINE_MS,
    idleTimeoutMs: DEADLINE_MS,
  };
  const cwd = await folder(t, { plugins: [{ use: 'proxy', options: { mounts: [mount] } }] });
  const { server, port } = await served(t, cwd);
  const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
  peer.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [behind]: net.Socket[] = await once(upstream, 'connection');
  t.teardown(() => behind!.destroy());
  await once(behind!, 'data');
  await paused(server, () => sent(behind!, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'));
  await peer.receive('hello');
  await paused(server, () => sent(behind!, 'world'));
  await peer.receive('helloworld');
  t.deepEqual(await peer.answers(1), ['200']);
});

test('a pause is not reported as a plugin that blocks the event loop', async (t) => {
  const cwd = await folder(t, { limits: { blockedLoopMs: DEADLINE_MS }, plugins: ['./reader.js'] });
  const { server, url } = await served(t, cwd);
  for (let time = 0; time < 3; time++) await paused(server, async () => {});
  t.is(await (await fetch(`${url}/spin`)).text(), 'done');
  await server.until(/blocks the event loop/, 'stderr');
  const [warning] = server.log.filter(({ message }) => String(message).includes('blocks the event loop'));
  t.regex(String(warning?.at), /(?:^|,)spin /);
});
