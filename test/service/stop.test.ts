/** A stop: exchanges under way are finished, everything else is closed, and nothing is left behind. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { served, start } from '../support/served.js';

/** `GET /wait` is answered when the body of `POST /open` has arrived; both are logged when they begin. */
const GATE = `
let open;
const opened = new Promise((resolve) => { open = resolve; });
export default {
  name: 'gate',
  setup({ handle, log, onClose, storage, signal }) {
    handle('GET', '/wait', async () => {
      log.info('waiting');
      await opened;
      await storage.commit({ puts: [{ key: 'gate', value: 'passed' }] });
      return 'through';
    });
    handle('POST', '/open', async (request) => {
      log.info('opening');
      const text = await request.text();
      open();
      return text;
    });
    signal.addEventListener('abort', () => log.info('told to stop'));
    onClose(() => log.info('closed'));
  },
};`;

const CONFIG = JSON.stringify({
  plugins: ['head', 'get', 'post', 'create', 'end', './gate.js'],
});

async function gated(t: ExecutionContext) {
  const cwd = await tempFolder(t, { 'jackfield.config.json': CONFIG, 'gate.js': GATE });
  return { cwd, ...(await served(t, cwd)) };
}

/** A client connection that keeps every received octet. */
class Client {
  readonly socket: net.Socket;
  /** Everything that was received, once the server has closed the connection. */
  readonly answer: Promise<string>;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
    });
    this.answer = once(socket, 'close').then(() => text);
  }

  static async connect(port: number): Promise<Client> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Client(socket);
  }

  send(...lines: readonly string[]): this {
    this.socket.write(lines.join('\r\n'));
    return this;
  }
}

const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4);

/** The ways to stop the server: signals and a request. */
const STOPS = {
  SIGTERM: ({ server }) => server.kill('SIGTERM'),
  SIGINT: ({ server }) => server.kill('SIGINT'),
  END: async ({ port }) => {
    const client = await Client.connect(port);
    client.send('END / HTTP/1.1', 'Host: 127.0.0.1', '', '');
    await client.answer;
  },
} satisfies Record<string, (served: Awaited<ReturnType<typeof gated>>) => unknown>;

for (const [name, stop] of Object.entries(STOPS)) {
  test(`${name}: exchanges under way are finished, all others refused or closed, the store is closed, exit code 0`, async (t) => {
    const service = await gated(t);
    const { server, port, cwd } = service;
    const idle = await Client.connect(port);
    const waiting = (await Client.connect(port)).send('GET /wait HTTP/1.1', 'Host: 127.0.0.1', '', '');
    const opening = (await Client.connect(port)).send(
      'POST /open HTTP/1.1',
      'Host: 127.0.0.1',
      'Expect: 100-continue',
      'Content-Length: 4',
      '',
      '',
    );
    await server.until(/"waiting"/, 'stderr');
    await server.until(/"opening"/, 'stderr');
    const [lock = ''] = (await readdir(cwd)).filter((file) => file.startsWith('data.json.lock-'));
    t.not(lock, '');

    await stop(service);
    t.is(await idle.answer, '');
    await server.until(/"told to stop"/, 'stderr');
    await t.throwsAsync(Client.connect(port), { code: 'ECONNREFUSED' });
    t.true((await readdir(cwd)).includes(lock), 'the store is open as long as a handler may need it');
    t.notRegex(server.stderr, /"closed"/);

    opening.send('now!');
    const [opened, waited] = await Promise.all([opening.answer, waiting.answer]);
    t.is(bodyOf(waited), 'through');
    t.regex(waited, /\r\nConnection: close\r\n/i);
    t.true(opened.endsWith('\r\n\r\nnow!'));

    const { code, signal, stdout } = await server.ended;
    t.is(code, 0);
    t.is(signal, null);
    t.is(stdout, `jackfield listening on http://127.0.0.1:${port}\n`);
    const told = server.log
      .map(({ message }) => message)
      .filter((message) => !String(message).startsWith('END'));
    t.deepEqual(told.toSorted(), ['closed', 'opening', 'told to stop', 'waiting']);
    t.is(told.at(-1), 'closed');
    t.deepEqual(
      (await readdir(cwd)).filter((file) => file.startsWith('data')).map((file) => file.replace(/\d+$/, 'N')),
      ['data.json', 'data.json.base.N', 'data.json.journal.N'],
    );
    t.is(await readFile(`${cwd}/data.json`, 'utf8'), '{\n  "gate": "passed"\n}\n');
  });
}

test('a second signal ends the server at once, with exit code 1', async (t) => {
  const { server, port } = await gated(t);
  const idle = await Client.connect(port);
  const waiting = (await Client.connect(port)).send('GET /wait HTTP/1.1', 'Host: 127.0.0.1', '', '');
  await server.until(/"waiting"/, 'stderr');
  server.kill('SIGTERM');
  await idle.answer;
  server.kill('SIGINT');
  t.is((await server.ended).code, 1);
  t.is(await waiting.answer.catch((error: { code: string }) => error.code), '');
  t.notRegex(server.stderr, /"closed"/);
});

test('the lock of a server that was ended at once is free for the next one', async (t) => {
  const { server, cwd, url } = await gated(t);
  t.is((await fetch(`${url}/create`, { method: 'POST', body: 'a: 1' })).status, 200);
  server.kill('SIGKILL');
  t.is((await server.ended).signal, 'SIGKILL');
  const next = await served(t, cwd);
  t.is(await (await fetch(next.url)).text(), 'The data in DB is as follows. \n\na:1');
  next.server.kill('SIGTERM');
  t.is((await next.server.ended).code, 0);
});

test('a stop waits for a handler that never ends as long as configured, and then names it', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({
      plugins: ['head', './gate.js'],
      limits: { shutdownTimeoutMs: 50 },
    }),
    'gate.js': GATE,
  });
  const { server, port } = await served(t, cwd);
  const waiting = (await Client.connect(port)).send('GET /wait HTTP/1.1', 'Host: 127.0.0.1', '', '');
  await server.until(/"waiting"/, 'stderr');
  server.kill('SIGTERM');
  t.is(await waiting.answer, '');
  t.is((await server.ended).code, 0);
  t.deepEqual(
    server.log.map(({ message, connections }) => [message, connections]),
    [
      ['waiting', undefined],
      ['told to stop', undefined],
      ['Connections were closed by force at the end of the drain time.', 1],
      ['closed', undefined],
    ],
  );
});

test('a signal during set-up: plugins that are up are closed, the others never begin, exit code 0', async (t) => {
  const plugin = (name: string, setup: string) =>
    `export default { name: '${name}', async setup({ log, onClose, signal }) {
      onClose(() => log.info('closed'));
      log.info('setting up');
      ${setup}
    } };`;
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({
      storage: 'memory',
      plugins: ['./first.js', './slow.js', './third.js'],
      limits: { setupTimeoutMs: 1_000_000 },
    }),
    'first.js': plugin('first', ''),
    'slow.js': plugin('slow', "await new Promise((resolve) => signal.addEventListener('abort', resolve));"),
    'third.js': plugin('third', ''),
  });
  const server = start(t, ['serve', '--port', '0'], cwd);
  await server.until(/"slow","message":"setting up"/, 'stderr');
  server.kill('SIGTERM');
  const { code, stdout, listened } = await server.ended;
  t.is(code, 0);
  t.is(stdout, '');
  t.is(listened, '');
  t.deepEqual(
    server.log.map(({ plugin, message }) => `${plugin} ${message}`),
    ['first setting up', 'slow setting up', 'slow closed', 'first closed'],
  );
});

test('a plugin that hangs or fails in its close is named, and the others are still closed', async (t) => {
  const plugin = (name: string, closer: string) =>
    `export default { name: '${name}', setup({ log, onClose }) {
      onClose(() => log.info('closed'));
      onClose(${closer});
    } };`;
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({
      storage: 'json-file',
      plugins: ['./first.js', './hanging.js', './failing.js'],
      limits: { setupTimeoutMs: 3_000 },
    }),
    'first.js': plugin('first', '() => {}'),
    'hanging.js': plugin('hanging', '() => new Promise(() => {})'),
    'failing.js': plugin('failing', '() => { throw new Error("stuck"); }'),
  });
  const { server } = await served(t, cwd);
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
  t.deepEqual(
    server.log.map(({ level, plugin, message }) => `${level} ${plugin}: ${message}`),
    [
      'error failing: A plugin failed to close.',
      'info failing: closed',
      'error hanging: A plugin did not close in time.',
      'info hanging: closed',
      'info first: closed',
    ],
  );
  t.deepEqual(
    (await readdir(cwd)).filter((file) => file.startsWith('data')),
    [],
  );
});
