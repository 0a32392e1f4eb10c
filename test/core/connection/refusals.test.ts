/** Which hooks see which refusals by the server itself, on both read paths and in memory. */
import test, { type ExecutionContext } from 'ava';
import { definePlugin, type Outcome, type PluginContext, type Unread } from '../../../core/api/plugin.js';
import type { ServerConfig } from '../../../core/config/server-config.js';
import { ERRORS, type ErrorCode } from '../../../core/errors.js';
import { createLog } from '../../../core/log.js';
import { createServer, type Server } from '../../../core/server.js';
import { chunked, field, RawClient, request, type WireResponse } from '../../support/raw-client.js';

/** The calls of hooks for one exchange. */
interface Seen {
  readonly hooks: string[];
  outcome?: Outcome;
  unread?: Unread;
}

class Witness {
  readonly seen: Seen = { hooks: [] };
  #wake: () => void = () => {};

  readonly plugin = definePlugin({
    name: 'witness',
    setup: ({ hook }) => {
      const { seen } = this;
      const ran = (stage: string): void => void seen.hooks.push(stage);
      hook('request', () => ran('request'));
      hook('handler', () => ran('handler'));
      hook('error', () => ran('error'));
      hook('response', (_, response) => {
        ran('response');
        return { ...response, headers: { ...response.headers, 'X-Seen': 'yes' } };
      });
      hook('close', (_, outcome) => {
        ran('close');
        seen.outcome = outcome;
        this.#wake();
      });
      hook('unread', (unread) => {
        ran('unread');
        seen.unread = unread;
        this.#wake();
      });
    },
  });

  async over(): Promise<Seen> {
    while (this.seen.outcome === undefined && this.seen.unread === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.seen;
  }
}

const LIMITS = {
  shutdownTimeoutMs: 0,
  maxTargetOctets: 1_000,
  maxHeaderSectionOctets: 2_000,
  maxHeaderFields: 10,
  maxBodyOctets: 100,
};

function routes({ handle, dialect }: PluginContext): void {
  handle('GET', '/page', () => 'page');
  handle('POST', '/text', (incoming) => incoming.text());
  handle('GET', '/throw', () => {
    throw new Error('on purpose');
  });
  handle('GET', '/hang', () => new Promise<string>(() => {}));
  handle('GET', '/switch', () => ({ status: 101, headers: { Upgrade: 'echo' }, takeOver: () => {} }));
  dialect({
    name: 'plain',
    claim: ({ target }) =>
      target !== '/dialect'
        ? undefined
        : {
            dialect: 'plain',
            path: '/',
            answer: { status: 400, body: '' },
            write: ({ status }) => ({
              head: `HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\n\r\n`,
              withBody: false,
              close: true,
            }),
          },
  });
}

function serverWith(witness: Witness, config: ServerConfig = {}, log: object[] = []): Server {
  return createServer(
    {
      storage: 'memory',
      ...config,
      listen: { port: 0, ...config.listen } as ServerConfig['listen'],
      limits: { ...LIMITS, ...config.limits },
      plugins: [witness.plugin, ...(config.plugins ?? []), { name: 'routes', setup: routes }],
    } as ServerConfig,
    { log: createLog((line) => void log.push(JSON.parse(line))) },
  );
}

async function client(t: ExecutionContext, server: Server): Promise<RawClient> {
  t.teardown(() => server.close());
  const { port } = await server.listen();
  const one = await RawClient.connect(port);
  t.teardown(() => one.destroy());
  return one;
}

interface Row {
  readonly what: string;
  readonly sends: string;
  /** The client ends its sending side after it. */
  readonly ends?: boolean;
  readonly code: ErrorCode | undefined;
  readonly status?: number;
  readonly hooks: readonly string[];
  readonly line?: string;
  readonly limits?: ServerConfig['limits'];
  readonly overload?: ServerConfig['overload'];
}

const UNREAD = ['unread'];
/** The head was read and refused before the dispatcher ran or its host was checked. */
const REFUSED = ['error', 'response', 'close'];
const NOT_FOUND = ['request', 'error', 'response', 'close'];
const HANDLED = ['request', 'handler', 'error', 'response', 'close'];
const LONG = 'x'.repeat(1_500);

const unread = (what: string, code: ErrorCode, sends: string, line: string, limits = {}): Row => ({
  what,
  code,
  sends,
  line,
  hooks: UNREAD,
  limits,
});

const ROWS: readonly Row[] = [
  unread('a method that is not a token', 'METHOD_INVALID', 'G@T / HTTP/1.1\r\n\r\n', 'G@T / HTTP/1.1'),
  unread('octets of TLS', 'METHOD_INVALID', '\x16\x03\x01"\\', '\\x16\\x03\\x01\\"\\\\'),
  unread('a line of two parts', 'REQUEST_LINE_INVALID', 'GET /\r\n\r\n', 'GET /'),
  unread('a target of an unknown form', 'TARGET_INVALID', 'GET page HTTP/1.1\r\n\r\n', 'GET page HTTP/1.1'),
  unread('a long target', 'TARGET_TOO_LONG', `GET /${LONG} HTTP/1.1\r\n\r\n`, `GET /${'x'.repeat(251)}`),
  unread('a long method', 'METHOD_TOO_LONG', `${LONG} / HTTP/1.1\r\n\r\n`, 'x'.repeat(256)),
  unread('another version', 'VERSION_UNSUPPORTED', 'GET / HTTP/2.0\r\n\r\n', 'GET / HTTP/2.0'),
  unread('a bare LF', 'LINE_END_INVALID', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 'GET / HTTP/1.1'),
  unread('a faulty field name', 'FIELD_NAME_INVALID', request('GET /page', ['a b: c']), 'GET /page HTTP/1.1'),
  unread(
    'a large header section',
    'HEADER_SECTION_TOO_LARGE',
    request('GET /page', [`a: ${LONG}`, `b: ${LONG}`]),
    'GET /page HTTP/1.1',
  ),
  unread(
    'many field lines',
    'HEADER_FIELDS_TOO_MANY',
    request('GET /page', Array(12).fill('a: b')),
    'GET /page HTTP/1.1',
  ),
  unread('a head that never ends', 'REQUEST_TIMEOUT', 'GET /pa', 'GET /pa', {
    headerTimeoutMs: 50,
  }),
  { what: 'no Host', code: 'HOST_MISSING', sends: 'GET /page HTTP/1.1\r\n\r\n', hooks: REFUSED },
  { what: 'two Hosts', code: 'HOST_REPEATED', sends: request('GET /page', ['Host: b']), hooks: REFUSED },
  {
    what: 'a faulty Host',
    code: 'HOST_INVALID',
    sends: 'GET /page HTTP/1.1\r\nHost: a/b\r\n\r\n',
    hooks: REFUSED,
  },
  {
    what: 'a faulty Content-Length',
    code: 'CONTENT_LENGTH_INVALID',
    sends: request('POST /text', ['Content-Length: 1x']),
    hooks: REFUSED,
  },
  {
    what: 'two framings',
    code: 'FRAMING_CONFLICT',
    sends: request('POST /text', ['Content-Length: 1', 'Transfer-Encoding: chunked']),
    hooks: REFUSED,
  },
  {
    what: 'an unknown coding',
    code: 'TRANSFER_ENCODING_UNSUPPORTED',
    sends: request('POST /text', ['Transfer-Encoding: gzip, chunked']),
    hooks: REFUSED,
  },
  {
    what: 'an unknown expectation',
    code: 'EXPECTATION_FAILED',
    sends: request('POST /text', ['Expect: miracles', 'Content-Length: 2'], 'ab'),
    hooks: REFUSED,
  },
  {
    what: 'a large Content-Length',
    code: 'BODY_TOO_LARGE',
    sends: request('POST /text', ['Content-Length: 101']),
    hooks: REFUSED,
  },
  {
    what: 'a large Content-Length that waits for 100',
    code: 'BODY_TOO_LARGE',
    sends: request('POST /text', ['Content-Length: 101', 'Expect: 100-continue']),
    hooks: REFUSED,
  },
  {
    what: 'a large Content-Length of HEAD',
    code: 'BODY_TOO_LARGE',
    sends: request('HEAD /page', ['Content-Length: 101']),
    hooks: REFUSED,
  },
  {
    what: 'an https target without TLS',
    code: 'TARGET_MISDIRECTED',
    sends: request('GET https://localhost/page'),
    hooks: REFUSED,
  },
  {
    what: 'a host that is not allowed',
    code: 'HOST_NOT_ALLOWED',
    sends: 'GET /page HTTP/1.1\r\nHost: other.example\r\n\r\n',
    hooks: REFUSED,
  },
  { what: 'an unknown path', code: 'NOT_FOUND', sends: request('GET /none'), hooks: NOT_FOUND },
  { what: 'an unknown method', code: 'METHOD_NOT_ALLOWED', sends: request('PUT /page'), hooks: NOT_FOUND },
  { what: 'a handler that throws', code: 'HANDLER_FAILED', sends: request('GET /throw'), hooks: HANDLED },
  {
    what: 'a chunked body that grows too large',
    code: 'BODY_TOO_LARGE',
    sends: chunked('POST /text', ['x'.repeat(60), 'x'.repeat(60)]),
    hooks: HANDLED,
  },
  {
    what: 'a faulty chunk',
    code: 'CHUNK_INVALID',
    sends: request('POST /text', ['Transfer-Encoding: chunked'], '2\r\nabc'),
    hooks: HANDLED,
  },
  {
    what: 'a large trailer section',
    code: 'TRAILER_SECTION_TOO_LARGE',
    sends: request('POST /text', ['Transfer-Encoding: chunked'], `0\r\na: ${LONG}\r\nb: ${LONG}\r\n\r\n`),
    hooks: HANDLED,
  },
  {
    what: 'a body that never ends',
    code: 'REQUEST_TIMEOUT',
    sends: request('POST /text', ['Content-Length: 5'], 'ab'),
    hooks: HANDLED,
    limits: { requestTimeoutMs: 50, headerTimeoutMs: 50 },
  },
  {
    what: 'a body that is cut off',
    code: 'BODY_INCOMPLETE',
    sends: request('POST /text', ['Content-Length: 5'], 'ab'),
    ends: true,
    hooks: HANDLED,
  },
  {
    what: 'a handler that does not answer',
    code: 'HANDLER_TIMEOUT',
    sends: request('GET /hang'),
    hooks: HANDLED,
    limits: { handlerTimeoutMs: 50 },
  },
  {
    what: 'a dialect that refuses',
    code: undefined,
    status: 400,
    sends: 'GET /dialect HTTP/1.1\r\n\r\n',
    hooks: ['response', 'close'],
  },
];

for (const sharedReadBuffer of [true, false]) {
  for (const { what, sends, ends, code, status, hooks, line, limits = {} } of ROWS) {
    const how = sharedReadBuffer ? 'shared' : 'portable';
    test(`${what} (${code ?? status}) is seen by ${hooks.join(', ')}, ${how} reads`, async (t) => {
      const witness = new Witness();
      const server = serverWith(witness, { listen: { sharedReadBuffer }, limits } as ServerConfig);
      const peer = await client(t, server);
      peer.send(sends);
      if (ends === true) peer.end();
      const answer = await peer.response(sends.startsWith('HEAD') ? 'HEAD' : 'GET');
      const seen = await witness.over();
      peer.end();
      await peer.closed();
      expectRow(t, { hooks, code, status: status ?? ERRORS[code!].status, line }, answer, seen);
      const { closes } = code === undefined ? { closes: true } : ERRORS[code];
      if (closes && code !== undefined) t.is(field(answer, 'connection'), 'close');
      await server.close();
      t.deepEqual(seen.hooks, hooks, 'nothing ran once the exchange was over');
    });
  }
}

function expectRow(
  t: ExecutionContext,
  {
    hooks,
    code,
    status,
    line,
  }: { hooks: readonly string[]; code: ErrorCode | undefined; status: number; line: string | undefined },
  answer: Pick<WireResponse, 'status' | 'fields'>,
  { hooks: ran, outcome, unread }: Seen,
): void {
  t.is(answer.status, status);
  t.deepEqual(ran, hooks);
  if (unread !== undefined) {
    t.like(unread, { status, code: code!, remoteAddress: '127.0.0.1', requestLine: line! });
    t.is(unread.contentOctets, Number(answer.fields.get('content-length')?.join()));
    return;
  }
  t.like(outcome, { status, code, isComplete: true });
  if (code !== undefined) t.deepEqual(answer.fields.get('x-seen'), ['yes']);
}

// In memory

test('inject runs the same hooks', async (t) => {
  const over = async (sent: Parameters<Server['inject']>[0]): Promise<[number, Seen]> => {
    const witness = new Witness();
    const server = serverWith(witness);
    t.teardown(() => server.close());
    const { status, headers } = await server.inject(sent);
    const seen = await witness.over();
    if (seen.unread === undefined) t.is(headers['x-seen'], 'yes');
    return [status, seen];
  };
  const [tooLarge, refused] = await over({ method: 'POST', target: '/text', body: 'x'.repeat(101) });
  t.is(tooLarge, 413);
  t.deepEqual(refused.hooks, REFUSED);
  t.is(refused.outcome?.code, 'BODY_TOO_LARGE');
  const [invalid, { hooks, unread }] = await over({ target: 'page' });
  t.is(invalid, 400);
  t.deepEqual(hooks, UNREAD);
  t.like(unread, { code: 'TARGET_INVALID', remoteAddress: '127.0.0.1', requestLine: 'GET page HTTP/1.1' });
});

// What hooks may do

const HUGE = request('POST /text', ['Content-Length: 101']);

async function answerWith(
  t: ExecutionContext,
  setup: (context: PluginContext) => void,
  sends = HUGE,
  config: ServerConfig = {},
): Promise<{
  answer: WireResponse;
  rest: string;
  seen: Seen;
  log: Record<string, unknown>[];
  server: Server;
}> {
  const witness = new Witness();
  const log: Record<string, unknown>[] = [];
  const server = serverWith(witness, { ...config, plugins: [{ name: 'odd', setup }] }, log);
  const peer = await client(t, server);
  peer.send(sends);
  const answer = await peer.response();
  peer.end();
  const rest = await peer.closed();
  return { answer, rest, seen: await witness.over(), log, server };
}

test('a hook may replace a refusal, and the connection still closes', async (t) => {
  const { answer, rest, seen } = await answerWith(t, ({ hook }) =>
    hook('error', (_, error) => ({ status: 400, json: { code: (error as { code: string }).code } })),
  );
  t.is(answer.status, 400);
  t.is(answer.body, '{"code":"BODY_TOO_LARGE"}');
  t.is(field(answer, 'x-seen'), 'yes');
  t.is(field(answer, 'connection'), 'close');
  t.is(rest, '');
  t.like(seen.outcome, { status: 400, code: 'BODY_TOO_LARGE' });
});

test('a stream may replace a refusal, and a hook that fails afterwards removes it again', async (t) => {
  async function* page() {
    yield 'so ';
    yield 'large';
  }
  const streams = ({ hook }: PluginContext): void =>
    hook('response', (_, { headers }) => ({ status: 413, headers: { ...headers }, body: page() }));
  const whole = await answerWith(t, streams);
  t.is(whole.answer.body, 'so large');
  const failed = await answerWith(t, (context) => {
    streams(context);
    context.hook('response', () => {
      throw new Error('on purpose');
    });
  });
  t.is(failed.answer.status, 413);
  t.is(Buffer.from(failed.answer.body, 'latin1').toString(), ERRORS.BODY_TOO_LARGE.sentence);
});

for (const stage of ['error', 'response'] as const) {
  test(`an ${stage} hook that throws at a refusal is logged, and the refusal is sent once and closes`, async (t) => {
    const { answer, rest, seen, log } = await answerWith(t, ({ hook }) =>
      hook(stage, () => {
        throw new Error('on purpose');
      }),
    );
    t.is(answer.status, 413);
    t.is(field(answer, 'x-seen'), 'yes');
    t.is(field(answer, 'connection'), 'close');
    t.is(rest, '');
    t.deepEqual(seen.hooks, REFUSED);
    t.is(log.filter(({ plugin, level }) => plugin === 'odd' && level === 'error').length, 1);
  });

  test(`a refusal does not wait for ever for an ${stage} hook that hangs`, async (t) => {
    const { answer, rest, seen, log } = await answerWith(t, ({ hook }) =>
      hook(stage, () => new Promise<undefined>(() => {})),
    );
    t.is(answer.status, 413);
    t.is(rest, '');
    // Earlier hooks have taken effect.
    if (stage === 'response') t.is(field(answer, 'x-seen'), 'yes');
    t.deepEqual(seen.hooks, stage === 'response' ? REFUSED : ['error', 'close']);
    t.true(log.some(({ plugin, message }) => plugin === 'odd' && String(message).includes('took too long')));
  });
}

test('the result of a late hook is released, and the hooks after it do not run', async (t) => {
  let release = (): void => {};
  let returned = (): void => {};
  const isReturned = new Promise<void>((resolve) => {
    returned = resolve;
  });
  let later = 0;
  const { answer } = await answerWith(t, ({ hook }) => {
    hook('response', async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return new Response(new ReadableStream({ cancel: returned }));
    });
    hook('response', () => void later++);
  });
  t.is(answer.status, 413);
  release();
  await isReturned;
  t.is(later, 0);
});

test('a hook cannot take over the connection of a refusal', async (t) => {
  const { answer, rest } = await answerWith(
    t,
    ({ hook }) => hook('response', () => ({ status: 101, headers: { Upgrade: 'echo' }, takeOver: () => {} })),
    request('GET /page', ['Connection: upgrade', 'Upgrade: echo', 'Content-Length: 101']),
  );
  t.is(answer.status, 413);
  t.is(rest, '');
});

test('the body of a refused request cannot be read, and reading it asks the client for nothing', async (t) => {
  let failure: unknown;
  const { answer } = await answerWith(
    t,
    ({ hook }) =>
      hook('response', async (refused) => {
        failure = await refused.text().catch((error: unknown) => error);
      }),
    request('POST /text', ['Content-Length: 101', 'Expect: 100-continue']),
  );
  t.is(answer.status, 413);
  t.like(failure, { code: 'BODY_TOO_LARGE' });
});

for (const stage of ['response', 'error'] as const) {
  test(`an ${stage} hook that is waiting at a deadline is called once`, async (t) => {
    let calls = 0;
    const { answer, seen } = await answerWith(
      t,
      ({ hook }) =>
        hook(stage, () => {
          calls++;
          return new Promise<undefined>(() => {});
        }),
      request('GET /throw'),
      { limits: { handlerTimeoutMs: 50 } },
    );
    t.is(answer.status, 503);
    t.is(calls, 1);
    t.deepEqual(seen.hooks, HANDLED);
    t.is(seen.outcome?.code, 'HANDLER_TIMEOUT');
  });
}

test('a refused request in a pipeline is answered after the requests before it', async (t) => {
  const witness = new Witness();
  const server = serverWith(witness);
  const peer = await client(t, server);
  peer.send(request('GET /page') + HUGE + request('GET /page'));
  t.is((await peer.response()).status, 200);
  const answer = await peer.response();
  t.is(answer.status, 413);
  t.is(field(answer, 'x-seen'), 'yes');
  peer.end();
  t.is(await peer.closed(), '');
  t.deepEqual(witness.seen.hooks, ['request', 'handler', 'response', 'close', ...REFUSED]);
});

test('an overloaded server runs response and close hooks, never a handler, and the connection stays open', async (t) => {
  const witness = new Witness();
  const server = serverWith(witness, { overload: { maxInFlight: 1 } });
  const busy = await client(t, server);
  busy.send(request('GET /hang'));
  while (!witness.seen.hooks.includes('handler')) await new Promise((resolve) => setImmediate(resolve));
  witness.seen.hooks.length = 0;
  const other = await RawClient.connect(server.addresses[0]!.port);
  t.teardown(() => other.destroy());
  other.send(request('GET /page') + request('POST /text', ['Content-Length: 2'], 'ab'));
  for (let at = 0; at < 2; at++) {
    const answer = await other.response();
    t.is(answer.status, 503);
    t.is(field(answer, 'x-seen'), 'yes');
    t.is(field(answer, 'retry-after'), '1');
    t.is(field(answer, 'connection'), 'keep-alive');
  }
  t.deepEqual(witness.seen.hooks, ['response', 'close', 'response', 'close']);
  t.like(witness.seen.outcome, { status: 503, code: 'OVERLOADED', isComplete: true });
});

test('an unread hook that fails is logged under its plugin, and others still run', async (t) => {
  const { answer, seen, log } = await answerWith(
    t,
    ({ hook }) => {
      hook('unread', () => {
        throw new Error('at once');
      });
      hook('unread', async () => {
        throw new Error('later');
      });
    },
    'GET page HTTP/1.1\r\n\r\n',
  );
  t.is(answer.status, 400);
  t.deepEqual(seen.hooks, UNREAD);
  t.is(log.filter(({ plugin, code }) => plugin === 'odd' && code === 'TARGET_INVALID').length, 2);
});

test('under a prefix, a plugin sees no unreadable requests', async (t) => {
  const witness = new Witness();
  let calls = 0;
  const scoped = { name: 'scoped', setup: ({ hook }: PluginContext) => hook('unread', () => void calls++) };
  const server = serverWith(witness, { plugins: [{ use: scoped, prefix: '/below' }] });
  t.teardown(() => server.close());
  t.is((await server.inject({ target: 'page' })).status, 400);
  t.is(calls, 0);
  t.deepEqual(witness.seen.hooks, UNREAD);
});
