/** Thousands of exchanges across many reloads: none fails and no connection is dropped. */
import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { createServer, definePlugin, type PluginEntry } from '../../core/index.js';

const KEEP_ALIVE = 6;
const PIPELINED = 4;
const AT_ONCE = 16;
const RELOADS = 60;
const EXCHANGES_PER_RELOAD = 40;

/** Each generation answers at once, late and in a stream, with its number and whether it is already closed. */
const generation = definePlugin<{ n: number }>({
  name: 'generation',
  options: {
    '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { n: number } }) },
  },
  setup({ handle, hook, onClose, options: { n } }) {
    let closed = false;
    onClose(() => {
      closed = true;
    });
    const say = (): string => `${n} ${closed ? 'closed' : 'open'}\n`;
    handle('GET', '/now', say);
    handle('GET', '/late', async () => {
      await new Promise(setImmediate);
      return say();
    });
    handle('POST', '/late', async (request) => {
      const text = await request.text();
      await new Promise(setImmediate);
      return `${text} ${say()}`;
    });
    handle('GET', '/stream', async function* stream() {
      yield '';
      await new Promise(setImmediate);
      yield say();
    });
    // Half of the generations have hooks, so that both paths of the dispatcher are used.
    if (n % 2 === 0) hook('handler', () => new Promise<void>((resolve) => setImmediate(resolve)));
  },
});

const REQUESTS = [
  'GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'POST /late HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc',
  'GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n',
];

interface Client {
  /** Answers so far. */
  answers: number;
  readonly wrong: string[];
  readonly generations: Set<string>;
  readonly done: Promise<void>;
}

/** Sends runs of requests over one connection until it is stopped, and reads every answer. */
function client(port: number, atOnce: number, goesOn: () => boolean, tick: () => void): Client {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  let read = '';
  let due = 0;
  let next = 0;
  const wrong: string[] = [];
  const generations = new Set<string>();
  const send = (): void => {
    if (!goesOn()) {
      socket.end();
      return;
    }
    due = atOnce;
    socket.write(Array.from({ length: atOnce }, () => REQUESTS[next++ % REQUESTS.length]).join(''));
  };
  socket.on('connect', send);
  socket.on('data', (text: string) => {
    read += text;
    for (;;) {
      const answer =
        /^HTTP\/1\.1 (\d+) [\s\S]*?\r\n\r\n(?:[0-9a-f]+\r\n)?(?:abc )?(\d+ \w+)\n(?:\r\n0\r\n\r\n)?/.exec(
          read,
        );
      if (answer === null) break;
      read = read.slice(answer[0].length);
      const [, status, said = ''] = answer;
      if (status !== '200' || !said.endsWith(' open')) wrong.push(answer[0]);
      generations.add(said);
      it.answers++;
      tick();
      if (--due === 0) send();
    }
  });
  const ended = once(socket, 'close').then(() => {
    if (due > 0) wrong.push(`dropped with ${due} answers due; unread: ${read}`);
  });
  const it: Client = { answers: 0, wrong, generations, done: ended };
  socket.on('error', (error) => wrong.push(String(error)));
  return it;
}

test('no exchange fails and no connection is dropped across many reloads, with keep-alive and pipelining', async (t) => {
  const config = (n: number) => {
    const plugins: PluginEntry[] = [{ use: generation, options: { n } }];
    if (n % 3 === 0) plugins.push('get');
    const allowedHosts = n % 5 === 0 ? ('*' as const) : ['localhost'];
    return {
      listen: { port: 0 },
      storage: 'memory',
      plugins,
      allowedHosts,
      limits: { maxHeaderFields: 50 + n },
    };
  };
  const server = createServer(config(0));
  t.teardown(() => server.close());
  const { port } = await server.listen();
  let reloads = 0;
  let answers = 0;
  const watching = new Set<() => void>();
  const tick = (): void => {
    answers++;
    for (const look of watching) look();
  };
  const goesOn = (): boolean => reloads < RELOADS;
  const clients = [
    ...Array.from({ length: KEEP_ALIVE }, () => client(port, 1, goesOn, tick)),
    ...Array.from({ length: PIPELINED }, () => client(port, AT_ONCE, goesOn, tick)),
  ];
  const retirements: Promise<void>[] = [];
  while (goesOn()) {
    // Reload after so many answers, in the middle of others.
    const until = answers + EXCHANGES_PER_RELOAD;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (answers < until) return;
        watching.delete(look);
        resolve();
      };
      watching.add(look);
    });
    const report = await server.reload(config(reloads + 1));
    t.is(report.left[0], 'generation');
    retirements.push(report.retired);
    reloads++;
  }
  await Promise.all(clients.map(({ done }) => done));
  await Promise.all(retirements);
  t.deepEqual(
    clients.flatMap(({ wrong }) => wrong),
    [],
  );
  const served = clients.reduce((sum, one) => sum + one.answers, 0);
  t.true(served >= RELOADS * EXCHANGES_PER_RELOAD, String(served));
  // The clients have seen the reloads.
  const seen = new Set(clients.flatMap(({ generations }) => [...generations]));
  t.true(seen.size > RELOADS / 2, String(seen.size));
  t.log(`${served} exchanges over ${clients.length} connections across ${reloads} reloads`);
});
