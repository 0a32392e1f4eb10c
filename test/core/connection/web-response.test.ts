import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { ResponseValue } from '../../../core/api/answer.js';
import { fieldsOf, logged, prepared, serving } from './serving.js';

async function injected(
  t: Parameters<typeof prepared>[0],
  value: () => ResponseValue | Promise<ResponseValue>,
) {
  const server = await prepared(t, ({ handle }) => handle('GET', '/', value));
  return server.inject();
}

test('status, headers and text of a Response are the answer', async (t) => {
  const { status, headers, text } = await injected(
    t,
    () => new Response('short and stout', { status: 418, headers: { 'X-Kind': 'teapot' } }),
  );
  t.is(status, 418);
  t.is(headers['x-kind'], 'teapot');
  t.is(headers['content-type'], 'text/plain;charset=UTF-8');
  t.is(text, 'short and stout');
});

test('RFC 9110 §5.3: several Set-Cookie fields of a Response stay several lines', async (t) => {
  const connect = await serving(t, ({ handle }) =>
    handle('GET', '/', () => {
      const headers = new Headers({ 'Content-Length': '2' });
      headers.append('Set-Cookie', 'a=1');
      headers.append('Set-Cookie', 'b=2, really');
      return new Response('ok', { headers });
    }),
  );
  const wire = await connect();
  wire.request('GET / HTTP/1.1');
  const head = await wire.head();
  t.deepEqual(head.match(/^set-cookie: .*$/gim), ['set-cookie: a=1', 'set-cookie: b=2, really']);
  t.is(fieldsOf(head)['content-length'], '2');
});

test('a Response without a body has Content-Length 0, except for 204', async (t) => {
  const { status, headers } = await injected(t, () => new Response(null));
  t.is(status, 200);
  t.is(headers['content-length'], '0');
  const empty = await injected(t, () => new Response(null, { status: 204 }));
  t.is(empty.status, 204);
  t.is(empty.headers['content-length'], undefined);
});

test('Response.redirect and Response.json are valid answers', async (t) => {
  const { status, headers } = await injected(t, () => Response.redirect('http://127.0.0.1/there', 303));
  t.is(status, 303);
  t.is(headers.location, 'http://127.0.0.1/there');
  t.deepEqual((await injected(t, () => Response.json({ a: 1 }))).json(), { a: 1 });
});

test('a clone and its original are two separate answers', async (t) => {
  const original = new Response('twice');
  const copy = original.clone();
  t.is((await injected(t, () => original)).text, 'twice');
  t.is((await injected(t, () => copy)).text, 'twice');
});

test('Response.error, and a body that was read or is being read, are invalid answers', async (t) => {
  const read = new Response('read');
  await read.text();
  const taken = new Response('taken');
  taken.body?.getReader();
  for (const response of [Response.error(), read, taken]) {
    const { log, errors } = logged();
    const server = await prepared(t, ({ handle }) => handle('GET', '/', () => response), { log });
    t.is((await server.inject()).status, 500);
    t.is((errors[0]!.err as { code: string }).code, 'HANDLER_ANSWER_INVALID');
  }
});

test('RFC 9110 §7.6.1: fields of a fetched Response about another hop, and about decoded octets, are removed', async (t) => {
  const upstream = createHttpServer((request, response) => {
    response.setHeader('Connection', 'close, X-Hop');
    response.setHeader('X-Hop', 'one');
    response.setHeader('Keep-Alive', 'timeout=5');
    response.setHeader('Upgrade', 'h2c');
    response.setHeader('X-End', 'kept');
    if (request.headers['accept-encoding'] === 'identity') {
      response.end('from behind');
      return;
    }
    response.setHeader('Content-Encoding', 'gzip');
    response.end(gzipSync('from behind'));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  t.teardown(() => upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const connect = await serving(t, ({ handle }) => {
    handle('GET', '/as-it-is', () => fetch(`http://127.0.0.1:${port}/`));
    handle('GET', '/again', async () => {
      const got = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'Accept-Encoding': 'identity' } });
      return new Response(got.body, got);
    });
  });
  for (const target of ['/as-it-is', '/again']) {
    const wire = await connect();
    wire.request(`GET ${target} HTTP/1.1`);
    const fields = fieldsOf(await wire.head());
    t.is(fields['x-end'], 'kept');
    t.is(fields['x-hop'], undefined);
    t.not(fields['keep-alive'], 'timeout=5');
    t.is(fields.upgrade, undefined);
    t.is(fields['content-encoding'], undefined);
    if (target === '/again') {
      t.is(fields['content-length'], '11');
      continue;
    }
    t.is(fields.connection, 'keep-alive');
    t.is(fields['transfer-encoding'], 'chunked');
    t.is(await wire.until('0\r\n\r\n'), 'b\r\nfrom behind\r\n0\r\n\r\n');
  }
});

test('a Response may close the connection', async (t) => {
  const { headers } = await injected(t, () => new Response('bye', { headers: { Connection: 'close' } }));
  t.is(headers.connection, 'close');
});
