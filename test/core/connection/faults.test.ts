/**
 * The fault matrix: whatever a plugin does wrong, its client gets an honest answer or an honest end, other connections
 * are answered meanwhile, and the log names the plugin.
 */
import { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { ResponseValue } from '../../../core/api/answer.js';
import type { Handler } from '../../../core/api/plugin.js';
import type { Request } from '../../../core/api/request.js';
import { JackfieldError } from '../../../core/errors.js';
import { HttpError } from '../../../core/handlers/http-error.js';
import type { ClaimedHead, Dialect } from '../../../core/plugin-api.js';
import {
  field,
  plugin,
  type RawClient,
  request,
  type Served,
  type ServeOptions,
  serve,
  type WireResponse,
  withBody,
} from '../../support/raw-client.js';

const faulty = (handler: Handler) => plugin('faulty', ({ handle }) => handle('*', '/', handler));

const faultyServer = (t: ExecutionContext, handler: Handler, options: ServeOptions = {}): Promise<Served> =>
  serve(t, { ...options, plugins: [faulty(handler), ...(options.plugins ?? [])] });

/** A value that the types forbid for a handler. */
const anything = (value: unknown) => value as ResponseValue;

type Then = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void;

/** A promise-like object of another library. */
const thenable = (then: Then | string) => ({ then });

async function isAlive(t: ExecutionContext, { get }: Served): Promise<void> {
  t.is((await get('/probe')).body, 'alive');
}

function isBlamed(t: ExecutionContext, { log }: Served): void {
  t.true(
    log.some(({ plugin: name, level }) => name === 'faulty' && level === 'error'),
    JSON.stringify(log),
  );
}

/** One faulty exchange with another after it: 500, then the connection continues. */
async function is500(t: ExecutionContext, handler: Handler, line = 'GET /'): Promise<void> {
  const served = await faultyServer(t, handler);
  const client = await served.connect();
  client.send(request(line) + request('GET /probe'));
  const response = await client.response(line.split(' ')[0]);
  t.is(response.status, 500);
  t.truthy(field(response, 'date'));
  t.is((await client.response()).body, 'alive');
  await isAlive(t, served);
  isBlamed(t, served);
}

// Values that handlers throw and return

const thrown: Readonly<Record<string, unknown>> = {
  'an Error': new Error('on purpose'),
  null: null,
  undefined: undefined,
  'a string': 'text',
  'a number': 0,
  'an object without prototype': Object.create(null),
  'a symbol': Symbol('s'),
  'an Error whose message cannot be read': Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('no');
    },
  }),
  'an object that looks like a promise': thenable('no'),
};

for (const [what, value] of Object.entries(thrown)) {
  test(`a handler that throws ${what} is answered 500`, (t) =>
    is500(t, () => {
      throw value;
    }));

  test(`a handler that rejects with ${what} is answered 500`, (t) => is500(t, () => Promise.reject(value)));
}

const returned: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 42,
  'a bigint': () => 1n,
  true: () => true,
  'a symbol': () => Symbol('s'),
  'a function': () => () => 'x',
  'a list': () => ['a', 'b'],
  'an empty list': () => [],
  'an object with unknown members': () => ({ statusCode: 200 }),
  'a body that is an object': () => ({ body: { a: 1 } }),
  'a body that is a number': () => ({ body: 1 }),
  'a body that is null': () => ({ body: null }),
  'both body and json': () => ({ body: 'a', json: 1 }),
  'circular json': () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    return { json: circular };
  },
  'json that is a bigint': () => ({ json: 1n }),
  'json that is a function': () => ({ json: () => 1 }),
  'json whose toJSON throws': () => ({
    json: {
      toJSON() {
        throw new Error('no');
      },
    },
  }),
  'a status of 0': () => ({ status: 0 }),
  'a status of 1000': () => ({ status: 1000 }),
  'a status that is text': () => ({ status: '200' }),
  'a status of 100': () => ({ status: 100 }),
  'a field name with a space': () => ({ headers: { 'a b': 'c' } }),
  'a field value with a line break': () => ({ headers: { a: 'b\r\nc: d' } }),
  'a field value that is a number': () => ({ headers: { a: 1 } }),
  'a field value that is undefined': () => ({ headers: { a: undefined } }),
  'headers that are a list': () => ({ headers: ['a', 'b'] }),
  'headers that are text': () => ({ headers: 'a: b' }),
  'headers that are null': () => ({ headers: null }),
  'a wrong Content-Length': () => ({ headers: { 'content-length': '5' }, body: 'abc' }),
  'a Content-Length that is not a number': () => ({ headers: { 'content-length': '-1' } }),
  'a part that throws when it is read': () => ({
    get body() {
      throw new Error('no');
    },
  }),
  'a Response that was already read': () => {
    const response = new Response('x');
    return response.text().then(() => response);
  },
  'a thenable that throws': () =>
    thenable(() => {
      throw new Error('no');
    }),
  'a thenable that rejects twice': () =>
    thenable((_resolve, reject) => {
      reject(new Error('once'));
      reject(new Error('twice'));
    }),
};

for (const [what, value] of Object.entries(returned)) {
  test(`a handler that returns ${what} is answered 500`, (t) => is500(t, () => anything(value())));

  test(`a handler that resolves to ${what} is answered 500`, (t) => is500(t, async () => anything(value())));
}

test('an HttpError with an invalid field is answered 500, thrown at once or later', async (t) => {
  for (const headers of [{ 'a b': 'c' }, { a: 'b\r\nc' }, { 'content-length': '1' }]) {
    await is500(t, () => {
      throw new HttpError(400, 'what', headers);
    });
    await is500(t, async () => {
      throw new HttpError(400, 'what', headers);
    });
  }
});

test('an HttpError is answered with its status and message, and below 500 it is not logged as a fault', async (t) => {
  const served = await faultyServer(t, () => {
    throw new HttpError(418, 'short and stout', { 'X-Pot': 'tea' });
  });
  const response = await served.get('/');
  t.is(response.status, 418);
  t.is(response.body, 'short and stout');
  t.is(field(response, 'x-pot'), 'tea');
  t.deepEqual(served.log, []);
});

test('an error of the error table is answered with its status', async (t) => {
  const served = await faultyServer(t, () => {
    throw new JackfieldError('STORAGE_FULL', 'x');
  });
  t.is((await served.get('/')).status, 507);
  isBlamed(t, served);
});

// Handlers that hang

test('a handler that hangs is answered 503 and closes, its signal aborts, and its late answer is ignored', async (t) => {
  let answerLate: (value: string) => void = () => {};
  let signalled: unknown;
  const served = await faultyServer(
    t,
    ({ signal }) => {
      signal.addEventListener('abort', () => {
        signalled = signal.reason;
      });
      return new Promise((resolve) => {
        answerLate = resolve;
      });
    },
    { limits: { handlerTimeoutMs: 50 } },
  );
  const client = await served.connect();
  client.send(request('GET /') + request('GET /probe'));
  await isAlive(t, served);
  const response = await client.response();
  t.is(response.status, 503);
  t.is(field(response, 'connection'), 'close');
  t.is((signalled as JackfieldError).code, 'HANDLER_TIMEOUT');
  answerLate('late');
  t.is(await client.closed(), '');
  isBlamed(t, served);
  t.is(served.log[0]?.code, 'HANDLER_TIMEOUT');
});

test('a handler that rejects after its deadline does no harm', async (t) => {
  let rejectLate: (error: unknown) => void = () => {};
  const served = await faultyServer(
    t,
    () =>
      new Promise((_resolve, reject) => {
        rejectLate = reject;
      }),
    { limits: { handlerTimeoutMs: 50 } },
  );
  const client = await served.connect();
  client.send(request('GET /'));
  t.is((await client.response()).status, 503);
  rejectLate(new Error('late'));
  t.is(await client.closed(), '');
  await isAlive(t, served);
});

test('a stream that is returned after the deadline is closed', async (t) => {
  let answerLate: (value: ResponseValue) => void = () => {};
  const served = await faultyServer(
    t,
    () =>
      new Promise((resolve) => {
        answerLate = resolve;
      }),
    { limits: { handlerTimeoutMs: 50 } },
  );
  const client = await served.connect();
  client.send(request('GET /'));
  t.is((await client.response()).status, 503);
  const late = new Readable({ read() {} });
  const closed = new Promise((resolve) => late.on('close', resolve));
  answerLate(late);
  await closed;
  t.is(await client.closed(), '');
});

test('a handler that reads a body and then hangs is answered 503', async (t) => {
  const served = await faultyServer(
    t,
    async (incoming) => {
      await incoming.text();
      return new Promise<never>(() => {});
    },
    { limits: { handlerTimeoutMs: 50 } },
  );
  const client = await served.connect();
  client.send(withBody('POST /', 'abc'));
  t.is((await client.response()).status, 503);
  t.is(await client.closed(), '');
});

test('a handler that does not read its body and hangs is answered 503', async (t) => {
  const served = await faultyServer(t, () => new Promise<never>(() => {}), {
    limits: { handlerTimeoutMs: 50, maxBufferedOctets: 1_024 },
  });
  const client = await served.connect();
  client.send(withBody('POST /', 'x'.repeat(500_000)));
  t.is((await client.response()).status, 503);
});

// Streams

test('a stream that fails at once is answered 500, and the connection continues', async (t) => {
  await is500(t, async function* () {
    yield await Promise.reject<string>(new Error('at once'));
  });
  await is500(
    t,
    () =>
      new Readable({
        read() {
          this.destroy(new Error('at once'));
        },
      }),
  );
  await is500(t, () => ({
    body: {
      [Symbol.asyncIterator]() {
        throw new Error('no iterator');
      },
    },
  }));
  await is500(t, () => anything({ body: { [Symbol.asyncIterator]: () => 5 } }));
  await is500(t, () => anything({ body: { [Symbol.asyncIterator]: null } }));
});

/** The connection is cut, and the client cannot treat the received part as a complete answer. */
async function isCut(t: ExecutionContext, served: Served, octets = request('GET /')): Promise<void> {
  const client = await served.connect();
  client.send(octets + request('GET /probe'));
  await client.closed();
  await t.throwsAsync(client.response(), { message: /ended before a whole response/ });
  t.false(client.unread.endsWith('0\r\n\r\n'), 'no false end');
  await isAlive(t, served);
  isBlamed(t, served);
}

const endings: Readonly<Record<string, () => ResponseValue>> = {
  'yields a number midway': async function* () {
    yield 'beginning';
    yield anything(5) as string;
  },
  'yields an object midway': () => Readable.from(['beginning', { a: 1 }], { objectMode: true }),
  'is shorter than its Content-Length': () => ({
    headers: { 'content-length': '20' },
    body: Readable.from(['beginning']),
  }),
  'is longer than its Content-Length': () => ({
    headers: { 'content-length': '20' },
    body: Readable.from(['beginning', 'x'.repeat(20)]),
  }),
};

test('a stream that fails midway is cut, without a false end', async (t) => {
  const served = await faultyServer(t, async function* () {
    yield 'beginning';
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error('midway');
  });
  await isCut(t, served);
});

for (const [what, body] of Object.entries(endings)) {
  test(`a stream that ${what} is cut, without a false end`, async (t) => {
    const served = await faultyServer(t, body);
    await isCut(t, served);
  });
}

test('a client that aborts the body from which its answer is made is not a fault of the plugin', async (t) => {
  const served = await faultyServer(t, ({ body }) => body);
  for (const breakOff of [
    (client: RawClient) => client.end(),
    (client: RawClient) => client.send('no chunk'),
    (client: RawClient) => client.send('fffffff\r\n'),
  ]) {
    const client = await served.connect();
    client.send(request('POST /', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n'));
    await client.receive('abc');
    breakOff(client);
    await client.closed();
    t.false(client.unread.endsWith('0\r\n\r\n'), 'no false end');
    await isAlive(t, served);
  }
  t.deepEqual(
    served.log.filter(({ level }) => level === 'error'),
    [],
  );
});

test('octets beyond the Content-Length never reach the client', async (t) => {
  const served = await faultyServer(t, endings['is longer than its Content-Length']!);
  const client = await served.connect();
  client.send(request('GET /') + request('GET /probe'));
  t.false((await client.closed()).includes('xx'));
});

test('an endless stream is served until its client disconnects, then it is closed', async (t) => {
  let over: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    over = resolve;
  });
  const served = await faultyServer(t, async function* () {
    try {
      for (;;) {
        yield 'tick ';
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      over();
    }
  });
  const client = await served.connect();
  client.send(request('GET /'));
  await client.receive('tick');
  await isAlive(t, served);
  client.reset();
  await closed;
  t.pass();
});

test('a Node stream that waits for nothing is closed when its client disconnects', async (t) => {
  const body = new Readable({ read() {} });
  const closed = new Promise((resolve) => body.on('close', resolve));
  const served = await faultyServer(t, () => {
    body.push('beginning');
    return body;
  });
  const client = await served.connect();
  client.send(request('GET /'));
  await client.receive('beginning');
  client.reset();
  await closed;
  t.deepEqual(served.log, []);
});

test('a stream that HEAD does not read may fail while it is closed', async (t) => {
  const rejecting = {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => Promise.reject(new Error('never asked for')),
    return: () => Promise.reject(new Error('when told to stop')),
  };
  const throwing = {
    async *[Symbol.asyncIterator]() {},
    destroy() {
      throw new Error('when told to stop');
    },
  };
  const bodies: Readonly<Record<string, () => unknown>> = {
    rejecting: () => rejecting,
    throwing: () => throwing,
    failing: () => new Readable({ construct: (done) => setImmediate(done, new Error('cannot open')) }),
    destroyed: () => new Readable({ destroy: (_, done) => setImmediate(done, new Error('cannot close')) }),
  };
  const served = await serve(t, {
    plugins: [
      plugin('faulty', ({ handle }) =>
        handle('HEAD', '/:body', ({ params }) => anything({ body: bodies[params.body]?.() })),
      ),
    ],
  });
  for (const name of Object.keys(bodies)) {
    const client = await served.connect();
    client.send(request(`HEAD /${name}`) + request('GET /probe'));
    t.is((await client.response('HEAD')).status, 200, name);
    t.is((await client.response()).body, 'alive', name);
  }
  await isAlive(t, served);
});

test('a stream that fails while a response hook is running is answered 500', async (t) => {
  const served = await faultyServer(
    t,
    () => new Readable({ construct: (done) => done(new Error('cannot open')) }),
    {
      plugins: [
        plugin('slow', ({ hook }) =>
          hook('response', async () => {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }),
        ),
      ],
    },
  );
  t.is((await served.get('/')).status, 500);
  await isAlive(t, served);
  isBlamed(t, served);
});

// Hooks

const stages = ['request', 'handler', 'response'] as const;

for (const stage of stages) {
  for (const [how, fn] of Object.entries({
    throws: () => {
      throw new Error('on purpose');
    },
    rejects: () => Promise.reject(new Error('on purpose')),
    'returns a number': () => anything(5),
    'returns an invalid field': () => ({ headers: { a: '\n' }, body: 'x' }),
  })) {
    test(`a ${stage} hook that ${how} is answered 500 and named in the log`, async (t) => {
      const served = await serve(t, {
        plugins: [
          plugin('innocent', ({ handle }) => handle('GET', '/', () => 'fine')),
          plugin('faulty', ({ hook }) =>
            hook(stage, ((incoming: Request) => (incoming.path === '/' ? fn() : undefined)) as never),
          ),
        ],
      });
      const client = await served.connect();
      client.send(request('GET /') + request('GET /probe'));
      t.is((await client.response()).status, 500);
      t.is((await client.response()).body, 'alive');
      isBlamed(t, served);
    });
  }
}

test('if an error hook fails, the next one may answer, and the log names the faulty one', async (t) => {
  const served = await serve(t, {
    plugins: [
      plugin('thrower', ({ handle }) =>
        handle('GET', '/', () => {
          throw new Error('first');
        }),
      ),
      plugin('faulty', ({ hook }) =>
        hook('error', () => {
          throw new Error('second');
        }),
      ),
      plugin('last', ({ hook }) => hook('error', () => ({ status: 502, body: 'told' }))),
    ],
  });
  t.is((await served.get('/')).body, 'told');
  isBlamed(t, served);
  t.true(served.log.some(({ plugin: name }) => name === 'thrower'));
});

test('if all error hooks fail, the plain 500 is sent', async (t) => {
  const served = await faultyServer(t, () => Promise.reject(new Error('first')), {
    plugins: [
      plugin('second', ({ hook }) => hook('error', () => Promise.reject(new Error('second')))),
      plugin('third', ({ hook }) => hook('error', () => anything(3) as never)),
    ],
  });
  t.is((await served.get('/')).status, 500);
  isBlamed(t, served);
});

test('a close hook that throws or rejects does no harm and is named in the log', async (t) => {
  for (const fn of [
    () => {
      throw new Error('on purpose');
    },
    () => Promise.reject(new Error('on purpose')),
    () =>
      thenable(() => {
        throw new Error('on purpose');
      }),
  ]) {
    const served = await serve(t, {
      plugins: [plugin('faulty', ({ hook }) => hook('close', fn as never))],
    });
    const client = await served.connect();
    client.send(request('GET /probe') + request('GET /probe'));
    t.is((await client.response()).body, 'alive');
    t.is((await client.response()).body, 'alive');
    await isAlive(t, served);
    isBlamed(t, served);
  }
});

for (const stage of [...stages, 'error'] as const) {
  test(`a hook that hangs at the stage ${stage} is answered 503, and the log names only it`, async (t) => {
    const served = await serve(t, {
      limits: { handlerTimeoutMs: 50 },
      plugins: [
        plugin('innocent', ({ handle, hook }) => {
          hook('request', () => {});
          handle('GET', '/', () => {
            if (stage === 'error') throw new HttpError(404, 'not here');
            return 'fine';
          });
        }),
        plugin('faulty', ({ hook }) =>
          hook(stage, (({ path }: Request) => (path === '/' ? new Promise(() => {}) : undefined)) as never),
        ),
        plugin('behind', ({ hook }) => hook(stage, () => {})),
      ],
    });
    const client = await served.connect();
    client.send(request('GET /'));
    t.is((await client.response()).status, 503);
    t.is(await client.closed(), '');
    await isAlive(t, served);
    t.deepEqual(
      served.log.map(({ plugin: name, code }) => [name, code]),
      [['faulty', 'HANDLER_TIMEOUT']],
    );
  });
}

test("a response hook's own stream that fails is a fault of the hook", async (t) => {
  const served = await serve(t, {
    plugins: [
      plugin('innocent', ({ handle }) => handle('GET', '/', () => 'fine')),
      plugin('faulty', ({ hook }) =>
        hook('response', ({ path }) =>
          path === '/'
            ? {
                body: (async function* () {
                  yield 'beginning';
                  throw new Error('midway');
                })(),
              }
            : undefined,
        ),
      ),
    ],
  });
  await isCut(t, served);
});

test('a handler that answers twice is answered once', async (t) => {
  const served = await faultyServer(t, () =>
    anything(
      thenable((resolve, reject) => {
        resolve('first');
        resolve('second');
        reject(new Error('third'));
      }),
    ),
  );
  const client = await served.connect();
  client.send(request('GET /') + request('GET /probe'));
  t.is((await client.response()).body, 'first');
  t.is((await client.response()).body, 'alive');
  t.deepEqual(served.log, []);
});

// Dialects

const FAULTY_HOST = 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n';

const withDialect = (t: ExecutionContext, dialect: Dialect, handler: Handler = () => 'x'): Promise<Served> =>
  serve(t, {
    limits: { requestTimeoutMs: 60, handlerTimeoutMs: 60 },
    plugins: [faulty(handler), plugin('dialects', (context) => context.dialect(dialect))],
  });

test('a dialect that throws in claim leaves the head to the standard, and is named in the log', async (t) => {
  const served = await withDialect(t, {
    name: 'broken',
    claim() {
      throw new Error('on purpose');
    },
  });
  const client = await served.connect();
  client.send(FAULTY_HOST);
  t.is((await client.response()).status, 400);
  t.is(await client.closed(), '');
  await isAlive(t, served);
  t.true(served.log.some(({ dialect }) => dialect === 'broken'));
});

const broken: Dialect = {
  name: 'broken',
  claim: () => ({
    dialect: 'broken',
    path: '/',
    write() {
      throw new Error('on purpose');
    },
  }),
};

/** Claimed requests with every possible source of an answer. */
const occasions: Readonly<Record<string, readonly [Handler, (client: RawClient) => void]>> = {
  'at once': [() => 'x', (client) => client.send(FAULTY_HOST)],
  later: [async () => 'x', (client) => client.send(FAULTY_HOST)],
  'of a stream': [
    async function* () {
      yield 'x';
    },
    (client) => client.send(FAULTY_HOST),
  ],
  'to a handler that hangs': [() => new Promise(() => {}), (client) => client.send(FAULTY_HOST)],
  'to a body that does not arrive': [
    async (incoming) => incoming.text(),
    (client) => client.send('POST / HTTP/1.1\r\nHost: a/b\r\nContent-Length: 3\r\n\r\n'),
  ],
  'to a body that ends too early': [
    async (incoming) => incoming.text(),
    (client) => {
      client.send('POST / HTTP/1.1\r\nHost: a/b\r\nContent-Length: 3\r\n\r\n');
      client.end();
    },
  ],
};

for (const [what, [handler, send]] of Object.entries(occasions)) {
  test(`a dialect that throws while it writes an answer ${what} costs only its own connection, and is named in the log`, async (t) => {
    const served = await withDialect(t, broken, handler);
    const client = await served.connect();
    send(client);
    t.is(await client.closed(), '');
    await isAlive(t, served);
    t.true(
      served.log.some(({ dialect }) => dialect === 'broken'),
      JSON.stringify(served.log),
    );
  });
}

test('RFC 9110 §7.8: a request in a dialect cannot switch to another protocol', async (t) => {
  const claim = (): ClaimedHead => ({
    dialect: 'own',
    path: '/',
    write: ({ status }) => ({ head: `${status}\n`, withBody: false, close: true }),
  });
  const served = await withDialect(t, { name: 'own', claim }, () => ({
    status: 101,
    headers: { Upgrade: 'x' },
    takeOver: (stream) => void stream.end('taken'),
  }));
  const client = await served.connect();
  client.send('GET / HTTP/1.1\r\nHost: a/b\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
  t.is(await client.closed(), '500\n');
  t.true(served.log.some(({ plugin: culprit }) => culprit === 'faulty'));
});

test('a dialect that returns an invalid claim costs only its own connection', async (t) => {
  for (const claim of [5, {}, Promise.resolve({}), { path: 5 }, { answer: { status: 1, body: 5 } }]) {
    const served = await withDialect(t, { name: 'broken', claim: () => claim as never });
    const client = await served.connect();
    client.send(FAULTY_HOST);
    await client.closed();
    await isAlive(t, served);
    t.true(served.log.length > 0);
  }
});

test('faults on many connections at once do not affect the others', async (t) => {
  const served = await faultyServer(t, ({ headers }) => {
    const at = Number(headers['x-at']);
    if (at % 3 === 0) throw new Error('on purpose');
    if (at % 3 === 1) return anything({ status: 1 });
    return Promise.reject(undefined);
  });
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, at): Promise<WireResponse[]> => {
      const client = await served.connect();
      client.send(request('GET /', [`X-At: ${at}`]) + request('GET /probe'));
      return [await client.response(), await client.response()];
    }),
  );
  for (const [first, second] of answers) {
    t.is(first?.status, 500);
    t.is(second?.body, 'alive');
  }
  t.is(served.log.length, 60);
});
