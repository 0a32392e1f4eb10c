/** Thousands of connections at once, and a process that may open few files. Each server is its own process. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import ava, { type ExecutionContext } from 'ava';
import { defaultMaxConnections } from '../../../core/config/open-files.js';
import { RawClient } from '../../support/raw-client.js';

/** Serial: each test needs thousands of files. */
const test = ava.serial;
const HOST = '127.0.0.1';
/** From dist/test/core/connection. */
const CORE = pathToFileURL(path.resolve(import.meta.dirname, '../../../core')).href;

/** Prints its port, then its log. `GET /open` returns the number of open sockets. */
const PROGRAM = `
  import { createServer } from '${CORE}/server.js';
  import { createLog } from '${CORE}/log.js';
  const isSocket = (name) => name === 'TCPSocketWrap';
  const plugin = { name: 'many', setup({ handle }) {
    handle('GET', '/', () => 'served');
    handle('GET', '/open', () => String(process.getActiveResourcesInfo().filter(isSocket).length));
  } };
  // The first line must be the port, and the start warns that GET has no HEAD here.
  const log = createLog((line) => line.includes('HEAD is answered 405') || process.stdout.write(line));
  const server = createServer({ listen: { port: 0 }, storage: 'memory', plugins: [plugin] }, { log });
  console.log((await server.listen()).port);
`;
const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

interface Process {
  readonly port: number;
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** Resolves when a matching line is logged. */
  until(isSo: (line: Readonly<Record<string, unknown>>) => boolean): Promise<void>;
  /** Its exit code after it has ended. */
  readonly exitCode: number | null;
}

/** @param openFiles How many files the process may open; undefined inherits the limit of this process. */
async function start(t: ExecutionContext, openFiles?: number): Promise<Process> {
  const argv = [process.execPath, '--input-type=module', '-e', PROGRAM];
  const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles}; `;
  const child = spawn('bash', ['-c', `${limit}exec "$@"`, 'bash', ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill();
    await ended;
  });
  const lines = createInterface(child.stdout);
  const [port]: string[] = await once(lines, 'line');
  const log: Record<string, unknown>[] = [];
  const news = new EventEmitter();
  lines.on('line', (line) => {
    log.push(JSON.parse(line) as Record<string, unknown>);
    news.emit('news');
  });
  return {
    port: Number(port),
    log,
    get exitCode() {
      return child.exitCode;
    },
    async until(isSo) {
      while (!log.some(isSo)) await once(news, 'news');
    },
  };
}

const connected = (t: ExecutionContext, port: number, count: number): Promise<RawClient[]> =>
  Promise.all(Array.from({ length: count }, () => RawClient.to(t, { port, host: HOST })));

/** Repeats requests until only the test's own connection is open. */
async function untilAlone(t: ExecutionContext, port: number): Promise<void> {
  for (;;) {
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.send(get('/open'));
    await peer.receive('\r\n\r\n').catch(() => {});
    const [, open] = /\r\n\r\n(\d+)$/.exec(peer.unread) ?? [];
    peer.socket.destroy();
    if (open === '1') return;
  }
}

// If a process may open few files, as many as it may.
const MANY = Math.min(2_500, defaultMaxConnections() - 200);

test(`${MANY} connections are served at once, repeatedly, and all are closed again`, async (t) => {
  const server = await start(t);
  const peers = await connected(t, server.port, MANY);
  for (let round = 1; round <= 3; round++) {
    for (const peer of peers) peer.send(get('/'));
    const counts = await Promise.all(peers.map(async (peer) => (await peer.answers(round)).length));
    t.true(counts.every((count) => count === round));
  }
  const [first] = peers;
  first?.send(get('/open'));
  await first?.receive(`\r\n\r\n${MANY}`);
  for (const { socket } of peers) socket.destroy();
  await untilAlone(t, server.port);
  t.deepEqual(server.log, []);
});

const OPEN_FILES = 256;
const PLACES = OPEN_FILES - 64;
const BEYOND = 100;

// On other systems the limit cannot be read, and the default does not depend on it.
const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux(
  `a process that may open ${OPEN_FILES} files serves ${PLACES} connections, refuses and counts the others, and serves again`,
  async (t) => {
    const server = await start(t, OPEN_FILES);
    const peers = await connected(t, server.port, PLACES + BEYOND);
    for (const peer of peers) peer.send(get('/'));
    await Promise.all(
      peers.map((peer) => Promise.race([peer.receive('served').catch(() => {}), peer.closed()])),
    );
    const served = peers.filter(({ unread: received }) => received.includes('served'));
    t.is(served.length, PLACES);
    t.true(peers.every((peer) => served.includes(peer) || peer.unread === ''));
    await server.until(({ total }) => total === BEYOND);
    t.true(
      server.log.every(({ level, message }) => level === 'warn' && String(message).includes(`${PLACES}`)),
    );
    // Open connections are still served while others are refused.
    for (const peer of served) peer.send(get('/'));
    await Promise.all(served.map((peer) => peer.answers(2)));
    for (const { socket } of peers) socket.destroy();
    await untilAlone(t, server.port);
    const again = await connected(t, server.port, PLACES - 1);
    for (const peer of again) peer.send(get('/'));
    await Promise.all(again.map((peer) => peer.receive('served')));
    t.is(server.exitCode, null);
  },
);
