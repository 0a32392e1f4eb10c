/** RFC 9110 §7.8 and §9.3.6 over a socket: connections that leave HTTP. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import test from 'ava';
import type { ResponseValue, TakeOver } from '../../core/api/answer.js';
import { requestedProtocols } from '../../core/plugin-api.js';
import { field, handlers, request, serve, withBody } from '../support/raw-client.js';

const ASKS = ['Connection: keep-alive, Upgrade', 'Upgrade: chat/2, echo'];

const echo: TakeOver = (stream) => {
  stream.pipe(stream);
};
const switching = { status: 101, headers: { Upgrade: 'echo' }, takeOver: echo };

test('§7.8: a handler switches protocols, and all octets after the request belong to the other protocol', async (t) => {
  const { connect } = await serve(t, { plugins: [handlers({ 'GET /echo': () => switching })] });
  const client = await connect();
  client.send(`${request('GET /probe')}${request('GET /echo', ASKS)}GET / HTTP/1.1\r\n\r\n`);
  t.is((await client.response()).body, 'alive');
  const response = await client.response();
  t.is(response.status, 101);
  t.is(response.reason, 'Switching Protocols');
  t.is(response.framing, 'none');
  t.deepEqual(response.fields.get('upgrade'), ['echo']);
  t.deepEqual(response.fields.get('connection'), ['upgrade']);
  await client.receive('GET / HTTP/1.1\r\n\r\n');
  await client.sendInPieces('\0\xff later');
  await client.receive('later');
  client.end();
  t.is(await client.closed(), 'GET / HTTP/1.1\r\n\r\n\0\xff later');
});

test('§7.8: a handler that decides late can switch too, however the octets are split', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'POST /echo': async (incoming) => {
          t.is(await incoming.text(), 'body');
          return switching;
        },
      }),
    ],
  });
  const octets = `${withBody('POST /echo', 'body', ASKS)}behind`;
  for (let cut = 1; cut < octets.length; cut += 7) {
    const client = await connect();
    client.send(octets.slice(0, cut));
    await new Promise(setImmediate);
    client.send(octets.slice(cut));
    t.is((await client.response()).status, 101);
    await client.receive('behind');
    client.end();
    t.is(await client.closed(), 'behind', `${cut}`);
  }
});

test('§7.8: a handler can switch only to a requested protocol; anything else is a fault of the handler', async (t) => {
  const answers: Readonly<Record<string, unknown>> = {
    '/other': { ...switching, headers: { Upgrade: 'foo' } },
    '/unnamed': { status: 101, takeOver: echo },
    '/alone': { status: 101, headers: { Upgrade: 'echo' } },
    '/final': { status: 200, takeOver: echo },
    '/body': { ...switching, body: 'x' },
    '/trailers': { ...switching, trailers: { A: '1' } },
    '/text': { status: 101, headers: { Upgrade: 'echo' }, takeOver: 'x' },
    '/lost': { headers: { 'X-Lost': '1' }, takeOver: echo },
  };
  const { connect, log } = await serve(t, {
    plugins: [
      'head',
      handlers({
        'GET /good': () => switching,
        'GET /:at': ({ path }) => answers[path] as ResponseValue,
      }),
    ],
  });
  const client = await connect();
  for (const target of Object.keys(answers)) {
    client.send(request(`GET ${target}`, ASKS));
    t.is((await client.response()).status, 500, target);
  }
  for (const asks of [
    [],
    ['Upgrade: echo'],
    ['Connection: upgrade'],
    ['Connection: upgrade', 'Upgrade: chat'],
  ]) {
    client.send(request('GET /good', asks));
    t.is((await client.response()).status, 500, `${asks}`);
  }
  client.send(request('GET /probe'));
  t.is((await client.response()).body, 'alive');
  t.is(log.length, Object.keys(answers).length + 4);
  t.true(log.every(({ plugin }) => plugin === 'handlers'));
});

test('§7.8: an Upgrade in an HTTP/1.0 request is ignored', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /echo': () => switching })],
  });
  const client = await connect();
  client.send(request('GET /echo HTTP/1.0', ASKS));
  t.is((await client.response()).status, 500);
});

test('§7.8: a connection is not taken over before the request is complete', async (t) => {
  const { connect, log } = await serve(t, { plugins: [handlers({ 'POST /echo': () => switching })] });
  const early = await connect();
  early.send(request('POST /echo', [...ASKS, 'Content-Length: 4'], 'bo'));
  const response = await early.response();
  t.is(response.status, 500);
  t.is(log.at(-1)?.plugin, 'handlers');
  const whole = await connect();
  whole.send(`${withBody('POST /echo', 'body', ASKS)}behind`);
  t.is((await whole.response()).status, 101);
  await whole.receive('behind');
});

test('§7.8: a client that expects 100 and asks for another protocol gets 100 first', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /echo': () => switching,
        'POST /echo': async (incoming) => {
          await incoming.text();
          return switching;
        },
      }),
    ],
  });
  const bodyless = await connect();
  bodyless.send(request('GET /echo', [...ASKS, 'Expect: 100-continue']));
  t.is((await bodyless.response()).status, 100);
  t.is((await bodyless.response()).status, 101);
  const waiting = await connect();
  waiting.send(request('POST /echo', [...ASKS, 'Expect: 100-continue', 'Content-Length: 4']));
  t.is((await waiting.response()).status, 100);
  waiting.send('bodybehind');
  t.is((await waiting.response()).status, 101);
  await waiting.receive('behind');
});

test('§7.8: any answer may offer protocols, and Connection names the field', async (t) => {
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /offer': () => ({ headers: { Upgrade: ['HTTP/2.0, echo'] }, body: 'x' }),
        'GET /last': () => ({ headers: { Upgrade: 'echo', Connection: 'close' }, body: 'x' }),
        'GET /bad': () => ({ headers: { Upgrade: 'a/b/c' }, body: 'x' }),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /offer') + request('GET /bad') + request('GET /last') + request('GET /probe'));
  const offer = await client.response();
  t.is(field(offer, 'upgrade'), 'HTTP/2.0, echo');
  t.is(field(offer, 'connection'), 'keep-alive, upgrade');
  t.is((await client.response()).status, 500);
  t.deepEqual((await client.response()).fields.get('connection'), ['close, upgrade']);
  t.is(await client.closed(), '');
  const old = await connect();
  old.send('GET /offer HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  t.deepEqual((await old.response()).fields.get('connection'), ['keep-alive, upgrade']);
  t.is(log.length, 1);
});

test('§7.8: HEAD never switches protocols, even if GET would', async (t) => {
  let asked: unknown;
  const { connect, log } = await serve(t, {
    plugins: [
      'head',
      handlers({
        'GET /choosy': (incoming) => {
          asked = [incoming.headers.upgrade, requestedProtocols(incoming)];
          return requestedProtocols(incoming).includes('echo')
            ? switching
            : { status: 426, headers: { Upgrade: 'echo' } };
        },
        'GET /always': () => switching,
        'HEAD /own': () => switching,
      }),
    ],
  });
  const client = await connect();
  client.send(request('HEAD /choosy', ASKS) + request('HEAD /always', ASKS) + request('HEAD /own', ASKS));
  client.send(request('GET /probe'));
  t.is((await client.response('HEAD')).status, 426);
  t.deepEqual(asked, [undefined, []]);
  t.is((await client.response('HEAD')).status, 500);
  t.is((await client.response('HEAD')).status, 500);
  t.is((await client.response()).body, 'alive');
  t.is(log.length, 2);
});

test('§15.5.22: 426 names a protocol in Upgrade, and a handler cannot leave that out', async (t) => {
  const { get, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /right': () => ({ status: 426, headers: { Upgrade: 'HTTP/3.0' }, body: 'x' }),
        'GET /web': () => new Response('x', { status: 426, headers: { Upgrade: 'HTTP/3.0' } }),
        'GET /wrong': () => ({ status: 426, body: 'x' }),
      }),
    ],
  });
  for (const target of ['/right', '/web']) {
    const response = await get(target);
    t.is(response.status, 426);
    t.is(field(response, 'upgrade'), 'HTTP/3.0');
    t.is(field(response, 'connection'), 'keep-alive, upgrade');
  }
  t.is((await get('/wrong')).status, 500);
  t.is(log.length, 1);
});

test('§9.3.6: a handler accepts CONNECT with a tunnel; 2xx has no framing field', async (t) => {
  const { connect } = await serve(t, {
    allowedHosts: '*',
    plugins: [
      handlers({
        'CONNECT *': ({ target }) => ({
          status: 200,
          headers: { 'X-Target': target, 'Content-Length': '5' },
          takeOver: echo,
        }),
      }),
    ],
  });
  const client = await connect();
  client.send(`${request('CONNECT example.org:443')}early`);
  const response = await client.response('HEAD');
  t.is(response.status, 200);
  t.is(response.framing, 'none');
  t.is(field(response, 'connection'), undefined);
  t.is(field(response, 'x-target'), 'example.org:443');
  await client.receive('early');
  client.end();
  t.is(await client.closed(), 'early');
});

test('§9.3.6: 2xx for CONNECT without a tunnel, and 101, are faults of the handler; a refusal is not', async (t) => {
  const { connect, log } = await serve(t, {
    allowedHosts: '*',
    plugins: [
      handlers({
        'CONNECT *': ({ target }): ResponseValue =>
          target === 'a:1' ? { status: 200 } : target === 'a:2' ? switching : { status: 403 },
      }),
    ],
  });
  const client = await connect();
  for (const [target, status] of [
    ['a:1', 500],
    ['a:2', 500],
    ['a:3', 403],
  ] as const) {
    client.send(request(`CONNECT ${target}`, ASKS));
    t.is((await client.response()).status, status);
  }
  t.is(log.length, 2);
});

test('§9.3.6: each side may end first, and the rest of the other side still arrives', async (t) => {
  const taken: Duplex[] = [];
  const { connect } = await serve(t, {
    allowedHosts: '*',
    plugins: [
      handlers({
        'CONNECT *': () => ({
          status: 200,
          takeOver: (stream) => {
            taken.push(stream);
          },
        }),
      }),
    ],
  });
  const client = await connect();
  client.send(`${request('CONNECT a:1')}early`);
  await client.response('HEAD');
  const [stream] = taken;
  if (stream === undefined) throw new Error('Nothing was taken over.');
  stream.end('first');
  t.is(await client.closed(), 'first');
  client.send(' and late');
  client.end();
  let heard = '';
  for await (const octets of stream) heard += String(octets);
  t.is(heard, 'early and late');
  if (!stream.closed) await once(stream, 'close');
  t.is(stream.errored, null);
});
