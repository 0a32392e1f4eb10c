/** Hooks without promises: they run synchronously, and their results are checked once. */
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Handler, Hooks } from '../../../core/api/plugin.js';
import { DEFAULT_LIMITS } from '../../../core/config/limits.js';
import { Connections } from '../../../core/connection/connections.js';
import { Overload } from '../../../core/connection/overload.js';
import { AllowedHosts } from '../../../core/handlers/allowed-hosts.js';
import { Dispatcher } from '../../../core/handlers/dispatcher.js';
import { type HookTable, noHooks, type Stage } from '../../../core/handlers/hooks.js';
import { makeRoute, Registry } from '../../../core/handlers/registry.js';
import { type Log, silentLog } from '../../../core/log.js';
import { LoadedTransport } from '../connection/loaded-transport.js';

type Line = Readonly<Record<string, unknown>>;
type StageHooks = { readonly [S in Stage]?: Hooks[S] | readonly Hooks[S][] };

interface Served {
  /** Sends octets, and returns the octets written before the call returned. */
  send(octets: string): string;
  readonly said: string;
  readonly errors: readonly Line[];
}

/** One connection. The hooks of a stage belong to the plugins `first`, `second` and so on. */
function served(t: ExecutionContext, handler: Handler, fnsOf: StageHooks, maxInFlight?: number): Served {
  const errors: Line[] = [];
  const log: Log = { ...silentLog, error: (fields: unknown) => void errors.push(fields as Line) }; // the server's log lines have fields
  const names = ['first', 'second', 'third'];
  const hooks = Object.fromEntries(
    Object.entries({ ...noHooks(), ...fnsOf }).map(([stage, fns]) => [
      stage,
      [fns].flat().map((fn, at) => ({ plugin: names[at], fn })),
    ]),
  ) as unknown as HookTable; // the same stages, one hook each
  const registry = new Registry([makeRoute('under-test', '*', '*', handler)]);
  const contributions = { registry, hooks, dialects: [], taken: new Map() };
  const dispatcher = new Dispatcher(contributions, new AllowedHosts('*'), log);
  const overload =
    maxInFlight === undefined
      ? undefined
      : new Overload({ maxInFlight, maxLoopDelayMs: Number.POSITIVE_INFINITY, retryAfterSeconds: 1 }, log);
  t.teardown(() => overload?.stop());
  const connections = new Connections(DEFAULT_LIMITS, dispatcher, log, undefined, { overload });
  connections.tick = () => {};
  const peer = new LoadedTransport();
  peer.hasRoom = true;
  const connection = connections.open(peer);
  t.teardown(() => connection.destroy());
  return {
    send: (octets) => {
      const before = peer.said.length;
      connection.received(Buffer.from(octets));
      return peer.said.slice(before);
    },
    get said() {
      return peer.said;
    },
    errors,
  };
}

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const adds =
  (name: string, value: string): Hooks['response'] =>
  (_, response) => ({ ...response, headers: { ...response.headers, [name]: value } });

test('if no hook returns a promise, the answer is written within the read that brought its request', (t) => {
  const ran: string[] = [];
  const { send } = served(t, () => 'x', {
    request: () => void ran.push('request'),
    handler: () => void ran.push('handler'),
    response: (_, response) => {
      ran.push('response');
      return { ...response, body: `<${String(response.body)}>` };
    },
    close: () => void ran.push('close'),
  });
  t.regex(send(GET), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n<x>$/);
  t.deepEqual(ran, ['request', 'handler', 'response', 'close']);
});

test('an error hook without a promise answers an error within the same read', (t) => {
  const failing: Handler = () => {
    throw new Error('on purpose');
  };
  const { send, errors } = served(t, failing, {
    error: [() => {}, () => ({ status: 502, body: 'replaced' })],
  });
  t.regex(send(GET), /^HTTP\/1\.1 502 [\s\S]*replaced$/);
  t.deepEqual(
    errors.map(({ plugin }) => plugin),
    ['under-test'],
  );
});

test('a refusal by the server is written within the same read, including its hooks', (t) => {
  const hooks = { response: [adds('x-a', '1'), adds('x-b', '2')], error: () => {} };
  const overloaded = served(t, () => 'x', hooks, 0).send(GET);
  t.regex(overloaded, /^HTTP\/1\.1 503 [\s\S]*x-a: 1\r\n[\s\S]*x-b: 2\r\n/);
  const large = `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${DEFAULT_LIMITS.maxBodyOctets + 1}\r\n\r\n`;
  t.regex(served(t, () => 'x', hooks).send(large), /^HTTP\/1\.1 413 [\s\S]*x-a: 1\r\n[\s\S]*x-b: 2\r\n/);
});

for (const stage of ['request', 'handler', 'response', 'error'] as const) {
  test(`a ${stage} hook that returns a promise is awaited, and later hooks run in order`, async (t) => {
    const ran: string[] = [];
    const hook = (name: string, isLate: boolean) => () => {
      ran.push(name);
      return isLate ? turn().then(() => void ran.push(`${name} done`)) : undefined;
    };
    const hooks = { [stage]: [hook('a', false), hook('b', true), hook('c', false)] } as StageHooks;
    const handler: Handler = () => {
      if (stage === 'error') throw new Error('on purpose');
      return 'x';
    };
    const peer = served(t, handler, hooks);
    t.is(peer.send(GET), '');
    t.deepEqual(ran, ['a', 'b']);
    while (peer.said === '') await turn();
    t.deepEqual(ran, ['a', 'b', 'b done', 'c']);
    t.regex(peer.said, stage === 'error' ? /^HTTP\/1\.1 500 / : /^HTTP\/1\.1 200 /);
  });
}

test('the fields of several response hooks are all sent', (t) => {
  const { send } = served(t, () => ({ headers: { 'Set-Cookie': ['a=1', 'b=2'] }, body: 'x' }), {
    response: [adds('X-A', '1'), adds('x-a', '2'), adds('x-c', '3')],
  });
  const answer = send(GET).toLowerCase();
  t.regex(answer, /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/);
  t.regex(answer, /\r\nx-a: 2\r\n/);
  t.notRegex(answer, /\r\nx-a: 1\r\n/);
  t.regex(answer, /\r\nx-c: 3\r\n/);
});

const FAULTY: readonly [string, Hooks['response']][] = [
  ['a value of two lines', adds('x-a', '1\r\nx-injected: 1')],
  ['a name that is not a token', adds('x a', '1')],
  ['a field of the connection', adds('transfer-encoding', 'chunked')],
  ['a wrong Content-Length', adds('content-length', '7')],
  ['an ETag without quotes', adds('etag', 'v1')],
  ['an invalid status', (_, response) => ({ ...response, status: 1_000 })],
];

for (const [what, faulty] of FAULTY) {
  test(`${what} is a 500, and the log names the hook that set it, not one that passed it on`, (t) => {
    const { send, errors } = served(t, () => 'x', { response: [adds('x-b', '2'), faulty, adds('x-c', '3')] });
    const answer = send(GET);
    t.regex(answer, /^HTTP\/1\.1 500 /);
    t.notRegex(answer, /injected/);
    t.deepEqual(
      errors.map(({ plugin }) => plugin),
      ['second'],
    );
  });
}

test('a hook that fails because of a faulty field is not blamed for it', (t) => {
  const fails: Hooks['response'] = (_, { headers }) => {
    if (String(headers['x-a']).includes('\n')) throw new Error('This value is not one line.');
    return undefined;
  };
  const { send, errors } = served(t, () => 'x', { response: [adds('x-a', '1\n2'), fails] });
  t.regex(send(GET), /^HTTP\/1\.1 500 /);
  t.deepEqual(
    errors.map(({ plugin }) => plugin),
    ['first'],
  );
});

test('changing the response object, or a returned object later, has no effect', (t) => {
  const kept: Record<string, string>[] = [];
  const { send } = served(t, () => ({ headers: { 'x-a': '1' }, body: 'x' }), {
    response: [
      (_, response) => {
        const headers = { ...response.headers, 'x-b': '2' } as Record<string, string>;
        kept.push(headers);
        return { ...response, headers };
      },
      (_, { headers }) => {
        Object.assign(headers, { 'x-a': 'changed', 'x-b': 'changed\r\nx-injected: 1' });
      },
    ],
  });
  t.regex(send(GET), /x-a: 1\r\n[\s\S]*x-b: 2\r\n/);
  kept[0]!['x-b'] = 'late\r\nx-injected: 1';
  t.regex(send(GET), /x-a: 1\r\n[\s\S]*x-b: 2\r\n/);
});

test('a validator that a hook adds is applied before the next hook runs', (t) => {
  const seen: unknown[] = [];
  const { send } = served(t, () => 'x', {
    response: [adds('etag', '"v1"'), (_, { status }) => void seen.push(status)],
  });
  t.regex(send('GET /a HTTP/1.1\r\nHost: a\r\nIf-None-Match: "v1"\r\n\r\n'), /^HTTP\/1\.1 304 /);
  t.deepEqual(seen, [304]);
});

test('after a hook removes the type, the next hook sees the default type', (t) => {
  const seen: unknown[] = [];
  const { send } = served(t, () => ({ headers: { 'content-type': 'text/html' }, body: 'x' }), {
    response: [
      (_, { headers: { 'content-type': _type, ...headers }, ...rest }) => ({ ...rest, headers }),
      (_, { headers }) => void seen.push(headers['content-type']),
    ],
  });
  send(GET);
  t.deepEqual(seen, ['text/plain; charset=utf-8']);
});
