/** RFC 9110 §13 and §14.5 over a socket: requests that would change something, and their conditions. */
import test from 'ava';
import type { Request } from '../../core/api/request.js';
import { field, plugin, request, type Served, serve, withBody } from '../support/raw-client.js';

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';

interface Kept {
  readonly served: Served;
  readonly asked: () => number;
  readonly done: () => number;
}

/** A resource in version 1, or absent at `/absent`; `state` returns a value or a promise. */
async function kept(t: Parameters<typeof serve>[0], isLate: boolean): Promise<Kept> {
  let asked = 0;
  let done = 0;
  const state = ({ path }: Request) => {
    asked += 1;
    const current = path === '/absent' ? undefined : { etag: '"1"', lastModified: new Date(MODIFIED) };
    return isLate ? Promise.resolve(current) : current;
  };
  const handler = (): { status: number } => {
    done += 1;
    return { status: 204 };
  };
  const served = await serve(t, {
    plugins: [
      plugin('kept', ({ handle }) => {
        for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'GET'])
          handle(method, '/:at', handler, { state });
      }),
    ],
  });
  return { served, asked: () => asked, done: () => done };
}

test('§13.1: a handler with the state of its resource runs only if the conditions hold', async (t) => {
  for (const isLate of [false, true]) {
    const { served, done } = await kept(t, isLate);
    const client = await served.connect();
    const cases: readonly (readonly [string, string, number])[] = [
      ['PUT /a', 'If-Match: "1"', 204],
      ['PUT /a', 'If-Match: "0", "1"', 204],
      ['PUT /a', 'If-Match: *', 204],
      ['PUT /a', 'If-Match: "2"', 412],
      ['PUT /a', 'If-Match: W/"1"', 412],
      ['PUT /absent', 'If-Match: *', 412],
      ['PATCH /a', 'If-None-Match: *', 412],
      ['DELETE /a', 'If-None-Match: W/"1"', 412],
      ['PUT /absent', 'If-None-Match: *', 204],
      ['PUT /a', 'If-None-Match: "2"', 204],
      ['DELETE /a', `If-Unmodified-Since: ${MODIFIED}`, 204],
      ['DELETE /a', 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT', 412],
      ['DELETE /a', 'If-Unmodified-Since: some day', 204],
      ['PUT /a', 'If-Modified-Since: Sun, 06 Nov 2094 08:49:36 GMT', 204],
    ];
    let expected = 0;
    for (const [line, condition, status] of cases) {
      client.send(withBody(line, 'x', [condition]));
      t.is((await client.response()).status, status, `${line} ${condition}`);
      if (status === 204) expected += 1;
      t.is(done(), expected, `${line} ${condition}`);
    }
  }
});

test('§13.2.1: without a condition, and for methods that change nothing, the state is not requested', async (t) => {
  const { served, asked } = await kept(t, false);
  const client = await served.connect();
  for (const octets of [
    withBody('PUT /a', 'x'),
    request('OPTIONS /a', ['If-Match: "2"']),
    request('GET /a', ['If-None-Match: "1"']),
  ]) {
    client.send(octets);
    t.is((await client.response()).status, 204);
  }
  t.is(asked(), 0);
});

test('§13.2.1: the conditions of a request that would fail anyway are ignored', async (t) => {
  const { connect } = await serve(t, { plugins: ['create', 'post', 'update', 'put'] });
  const client = await connect();
  for (const [line, status] of [
    ['PUT /create', 404],
    ['POST /update', 404],
    ['PUT /elsewhere', 404],
    ['BREW /create', 405],
  ] as const) {
    client.send(withBody(line, 'a: 1', ['If-Match: "1"']));
    t.is((await client.response()).status, status, line);
  }
});

test('§13.1.1: /create and /update have no state, so a request with a condition on it is refused', async (t) => {
  const { connect } = await serve(t, { plugins: ['get', 'create', 'post', 'update', 'put'] });
  const client = await connect();
  for (const line of ['POST /create', 'PUT /update']) {
    for (const condition of ['If-Match: *', 'If-Match: "1"']) {
      client.send(withBody(line, 'a: 1', [condition]));
      t.is((await client.response()).status, 412, `${line} ${condition}`);
    }
  }
  client.send(request('GET /'));
  t.is((await client.response()).body, 'No data in DB');
  client.send(withBody('POST /create', 'a: 1', ['If-None-Match: *']));
  t.is((await client.response()).status, 200);
  client.send(withBody('PUT /update', 'a: 2', [`If-Unmodified-Since: ${MODIFIED}`]));
  t.is((await client.response()).status, 200);
});

test('§14.5: a partial PUT is refused unless the handler supports it', async (t) => {
  const { connect } = await serve(t, { plugins: ['get', 'update', 'put'] });
  const client = await connect();
  client.send(withBody('PUT /update', 'a: 1', ['Content-Range: bytes 0-3/9']) + request('GET /'));
  const response = await client.response();
  t.is(response.status, 400);
  t.is(field(response, 'connection'), 'keep-alive');
  t.is((await client.response()).body, 'No data in DB');
});
