import test from 'ava';
import { create, served } from './served.js';

/** The fields that may differ between two answers in a row. */
function lasting({ date: _date, ...headers }: Readonly<Record<string, unknown>>): unknown {
  return headers;
}

test('HEAD has the header section of GET, and no body', async (t) => {
  const server = await served(t);
  await create(server, [['a', '1']]);
  for (const target of ['/', '/?prefix=b', '/?limit=x', '/nothing']) {
    for (const accept of ['text/plain', 'application/json']) {
      const get = await server.inject({ method: 'GET', target, headers: { accept } });
      const head = await server.inject({ method: 'HEAD', target, headers: { accept } });
      t.is(head.status, get.status, target);
      t.deepEqual(lasting({ ...head.headers }), lasting({ ...get.headers }), target);
      t.is(head.body.length, 0);
    }
  }
});

test('HEAD at a path with only other methods has them in Allow', async (t) => {
  const server = await served(t);
  for (const [target, allow] of [
    ['/create', 'POST'],
    ['/update', 'PUT'],
  ]) {
    const { status, headers, body } = await server.inject({ method: 'HEAD', target: target! });
    t.is(status, 404);
    t.is(headers.allow, allow);
    t.is(body.length, 0);
  }
});
