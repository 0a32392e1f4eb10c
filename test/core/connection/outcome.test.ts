/** The outcome for `close` hooks, and the counters of `stats`. */
import test, { type ExecutionContext } from 'ava';
import { definePlugin, type Outcome, type PluginContext } from '../../../core/api/plugin.js';
import type { Request } from '../../../core/api/request.js';
import { requestState } from '../../../core/plugin-api.js';
import { createServer } from '../../../core/server.js';
import { chunked, handlers, plugin, request, serve } from '../../support/raw-client.js';

interface Ending {
  readonly target: string;
  readonly outcome: Outcome;
}

/** Records the ends of exchanges, and waits for them. */
class Witness {
  readonly #outcomes: Ending[] = [];
  #wake: () => void = () => {};

  readonly plugin = plugin('witness', ({ hook }) =>
    hook('close', ({ target }, outcome) => {
      this.#outcomes.push({ target, outcome });
      this.#wake();
    }),
  );

  async next(): Promise<Ending> {
    while (this.#outcomes.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#outcomes.shift()!;
  }
}

async function outcomeOf(
  t: ExecutionContext,
  routes: Parameters<typeof handlers>[0],
  octets: string,
): Promise<Outcome> {
  const witness = new Witness();
  const { connect } = await serve(t, { plugins: [handlers(routes), witness.plugin, 'head'] });
  const client = await connect();
  client.send(octets);
  const { outcome } = await witness.next();
  client.destroy();
  return outcome;
}

test('a complete answer has its status, its octets, its route and its time', async (t) => {
  const outcome = await outcomeOf(
    t,
    { 'GET /a/:b': () => ({ status: 203, body: 'zwölf' }) },
    request('GET /a/1'),
  );
  t.like(outcome, { status: 203, contentOctets: 6, isComplete: true, route: '/a/:b' });
  t.true(outcome.durationMs >= 0);
});

test('bytes, large bodies and streams are counted without their framing', async (t) => {
  const bytes = Buffer.alloc(3_000, 'x');
  const large = 'y'.repeat(200_000);
  async function* stream() {
    yield 'abc';
    yield Buffer.from('defg');
  }
  const routes = { 'GET /bytes': () => bytes, 'GET /large': () => large, 'GET /stream': () => stream() };
  t.is((await outcomeOf(t, routes, request('GET /bytes'))).contentOctets, 3_000);
  t.is((await outcomeOf(t, routes, request('GET /large'))).contentOctets, 200_000);
  t.is((await outcomeOf(t, routes, request('GET /stream'))).contentOctets, 7);
});

test('HEAD has no content, and the route of the GET handler to which it was forwarded', async (t) => {
  const outcome = await outcomeOf(t, { 'GET /a/:b': () => 'abc' }, request('HEAD /a/1'));
  t.like(outcome, { status: 200, contentOctets: 0, isComplete: true, route: '/a/:b' });
});

test('without a handler there is no route', async (t) => {
  t.like(await outcomeOf(t, {}, request('GET /none')), { status: 404, route: '', isComplete: true });
});

test('an exchange whose client disconnected before the answer has no status', async (t) => {
  const witness = new Witness();
  let begun: () => void = () => {};
  const hasBegun = new Promise<void>((resolve) => (begun = resolve));
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /wait': ({ signal }) => {
          begun();
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
      witness.plugin,
    ],
  });
  const client = await connect();
  client.send(request('GET /wait'));
  await hasBegun;
  client.reset();
  t.like((await witness.next()).outcome, { status: 0, contentOctets: 0, isComplete: false, route: '/wait' });
});

test('a stream that fails midway has its status and the octets sent, and is not complete', async (t) => {
  async function* broken() {
    yield 'abc';
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('broken');
  }
  const outcome = await outcomeOf(t, { 'GET /': () => broken() }, request('GET /'));
  t.like(outcome, { status: 200, contentOctets: 3, isComplete: false });
});

test('a request whose body does not arrive in time ends once, with the status of the refusal', async (t) => {
  const witness = new Witness();
  const { connect } = await serve(t, {
    plugins: [handlers({ 'POST /': async (incoming) => incoming.text() }), witness.plugin],
    limits: { requestTimeoutMs: 50, headerTimeoutMs: 50 },
  });
  const client = await connect();
  client.send(request('POST /', ['Content-Length: 5'], 'ab'));
  t.is((await client.response()).status, 408);
  t.like((await witness.next()).outcome, { status: 408, route: '/' });
});

test('every exchange of a pipeline ends once and in order', async (t) => {
  const witness = new Witness();
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /a': () => 'a',
        'GET /b': async () => 'bb',
        'POST /c': async (incoming) => incoming.text(),
      }),
      witness.plugin,
    ],
  });
  const client = await connect();
  client.send(request('GET /a') + request('GET /b') + chunked('POST /c', ['cc', 'c']) + request('GET /a'));
  const outcomes: unknown[] = [];
  for (let at = 0; at < 4; at++) {
    const { target, outcome } = await witness.next();
    outcomes.push([target, outcome.contentOctets]);
  }
  t.deepEqual(outcomes, [
    ['/a', 1],
    ['/b', 2],
    ['/c', 3],
    ['/a', 1],
  ]);
});

test('if a response hook only adds a field, the promised length and the wish to close stay', async (t) => {
  async function* four() {
    yield 'four';
  }
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /': () => ({ headers: { 'Content-Length': '4', Connection: 'close' }, body: four() }),
      }),
      plugin('adds', ({ hook }) =>
        hook('response', (_request, response) => ({
          ...response,
          headers: { ...response.headers, 'x-by': 'me' },
        })),
      ),
    ],
  });
  const client = await connect();
  client.send(request('GET /'));
  const response = await client.response();
  t.is(response.framing, 'length');
  t.deepEqual(response.fields.get('connection'), ['close']);
  t.deepEqual(response.fields.get('x-by'), ['me']);
  t.is(response.body, 'four');
});

test('a response hook may replace a body of a promised length by one of another length', async (t) => {
  const eleven = async function* () {
    yield 'ele';
    yield 'ven';
  };
  for (const body of ['eleven', Buffer.from('eleven'), eleven()]) {
    const { get, log } = await serve(t, {
      plugins: [
        handlers({ 'GET /': () => ({ headers: { 'Content-Length': '4' }, body: 'four' }) }),
        plugin('replaces', ({ hook }) => hook('response', (_request, response) => ({ ...response, body }))),
      ],
    });
    t.is((await get('/')).body, 'eleven');
    t.deepEqual(log, []);
  }
});

test('values that travel with a request exist under another method too, and not for the next request', async (t) => {
  const mark = requestState<string>();
  const marks = definePlugin({
    name: 'marks',
    setup({ hook, handle }) {
      hook(
        'request',
        (incoming: Request) => void (incoming.query.has('mark') && mark.set(incoming, 'marked')),
      );
      handle('GET', '/', (incoming) => ({ headers: { 'x-mark': mark.get(incoming) ?? 'none' }, body: 'a' }));
    },
  });
  const { connect } = await serve(t, { plugins: [marks, 'head'] });
  const client = await connect();
  client.send(request('HEAD /?mark'));
  t.deepEqual((await client.response('HEAD')).fields.get('x-mark'), ['marked']);
  client.send(request('HEAD /'));
  t.deepEqual((await client.response('HEAD')).fields.get('x-mark'), ['none']);
});

test('stats counts connections, refusals and exchanges', async (t) => {
  let context: PluginContext | undefined;
  const { connect, port } = await serve(t, {
    plugins: [
      plugin('counts', (given) => {
        context = given;
      }),
    ],
    limits: { maxConnections: 1 },
  });
  const stats = () => context!.stats();
  t.deepEqual(stats(), { connections: 0, connectionsRefused: 0, requestsRefused: 0, exchanges: 0 });
  const first = await connect();
  first.send(request('GET /probe'));
  await first.response();
  const second = await connect();
  await second.closed();
  t.deepEqual(stats(), { connections: 1, connectionsRefused: 1, requestsRefused: 0, exchanges: 0 });
  t.true(port > 0);
});

test('before the server is ready, stats has zeros, and allowedMethods says that it is too early', async (t) => {
  let early: unknown;
  const server = createServer({
    storage: 'memory',
    plugins: [
      plugin('early', ({ stats, allowedMethods }) => {
        early = stats();
        allowedMethods('/');
      }),
    ],
  });
  await t.throwsAsync(server.ready(), {
    message: /allowedMethods can be called only after all plugins are set up/,
  });
  t.deepEqual(early, { connections: 0, connectionsRefused: 0, requestsRefused: 0, exchanges: 0 });
  await server.close();
});
