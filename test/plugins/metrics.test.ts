import test, { type ExecutionContext } from 'ava';
import { register as globalRegistry } from 'prom-client';
import { definePlugin } from '../../core/api/plugin.js';
import { JackfieldError } from '../../core/errors.js';
import { HttpError } from '../../core/handlers/http-error.js';
import { field, RawClient, request, serve } from '../support/raw-client.js';
import { type Family, parseExposition } from './exposition.js';
import { type Server, served } from './served.js';

const pages = definePlugin({
  name: 'pages',
  setup({ handle }) {
    handle('GET', '/users/:id', () => 'a user');
    handle('PURGE', '/users/:id', () => '');
    handle('GET', '/teapot', () => {
      throw new HttpError(418, 'short and stout');
    });
    handle('GET', '/down', () => {
      throw new JackfieldError('STORAGE_UNAVAILABLE');
    });
  },
});

async function scraped(server: Server): Promise<Map<string, Family>> {
  const { status, text } = await server.inject({ target: '/metrics' });
  if (status !== 200) throw new Error(text);
  return parseExposition(text);
}

const withOptions = (t: ExecutionContext, options: object = {}): Promise<Server> =>
  served(t, { plugins: [{ use: 'metrics', options }, pages, 'head'] });

test('exchanges are counted by method, route and status, never by path', async (t) => {
  const server = await withOptions(t);
  for (let id = 0; id < 20; id++) await server.inject({ target: `/users/${id}` });
  await server.inject({ method: 'PURGE', target: '/users/1' });
  await server.inject({ method: 'HEAD', target: '/users/1' });
  await server.inject({ target: '/teapot' });
  for (let at = 0; at < 5; at++) await server.inject({ target: `/none/${at}` });
  const samples = (await scraped(server)).get('jackfield_requests_total')?.samples;
  t.deepEqual(
    new Map(Array.from(samples ?? []).sort()),
    new Map([
      ['jackfield_requests_total{method="GET",route="/teapot",status="418"}', 1],
      ['jackfield_requests_total{method="GET",route="/users/:id",status="200"}', 20],
      ['jackfield_requests_total{method="GET",route="none",status="404"}', 5],
      ['jackfield_requests_total{method="HEAD",route="/users/:id",status="200"}', 1],
      ['jackfield_requests_total{method="PURGE",route="/users/:id",status="200"}', 1],
    ]),
  );
});

test('errors are counted by their code, also of requests that could not be read', async (t) => {
  const server = await withOptions(t);
  await server.inject({ target: '/down' });
  await server.inject({ target: '/none' });
  await server.inject({ method: 'POST', target: '/none', headers: { 'Content-Length': '99999999999' } });
  // Errors without a code and thrown values that are not errors are not counted.
  await server.inject({ target: '/teapot' });
  await server.inject({ target: '/users/1' });
  for (let at = 0; at < 3; at++) await server.inject({ target: `no-path-${at}` });
  const families = await scraped(server);
  t.deepEqual(Object.fromEntries(families.get('jackfield_errors_total')?.samples ?? []), {
    'jackfield_errors_total{code="STORAGE_UNAVAILABLE"}': 1,
    'jackfield_errors_total{code="NOT_FOUND"}': 1,
    'jackfield_errors_total{code="BODY_TOO_LARGE"}': 1,
    'jackfield_errors_total{code="TARGET_INVALID"}': 3,
  });
  const requests = families.get('jackfield_requests_total')?.samples;
  t.is(requests?.get('jackfield_requests_total{method="none",route="none",status="400"}'), 3);
  t.is(requests?.get('jackfield_requests_total{method="POST",route="none",status="413"}'), 1);
});

test('unknown methods are counted as one', async (t) => {
  const server = await withOptions(t);
  for (let at = 0; at < 30; at++) await server.inject({ method: `M${at}`, target: '/users/1' });
  await server.inject({ method: 'constructor', target: '/' });
  const samples = (await scraped(server)).get('jackfield_requests_total')?.samples;
  t.deepEqual(
    [...(samples ?? [])],
    [['jackfield_requests_total{method="other",route="none",status="405"}', 31]],
  );
});

test('durations are a histogram with one observation per exchange', async (t) => {
  const server = await withOptions(t, { buckets: [0.1, 60] });
  for (let at = 0; at < 3; at++) await server.inject({ target: '/users/1' });
  const family = (await scraped(server)).get('jackfield_request_duration_seconds');
  t.is(family?.type, 'histogram');
  const labels = 'method="GET",route="/users/:id"';
  t.is(family?.samples.get(`jackfield_request_duration_seconds_count{${labels}}`), 3);
  t.is(family?.samples.get(`jackfield_request_duration_seconds_bucket{le="60",${labels}}`), 3);
  t.is([...(family?.samples.keys() ?? [])].filter((name) => name.includes('_bucket')).length, 3);
});

test('the content type is that of the format, and the numbers are not cached', async (t) => {
  const { headers } = await (await withOptions(t)).inject({ target: '/metrics' });
  t.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.is(headers['cache-control'], 'no-store');
});

test('a client that prefers OpenMetrics gets it, all others get the text format', async (t) => {
  const server = await withOptions(t);
  await server.inject({ target: '/users/1' });
  const ask = (accept?: string) =>
    server.inject({ target: '/metrics', headers: accept === undefined ? {} : { Accept: accept } });
  // The Accept fields of Prometheus 2 and 3.
  for (const accept of [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'application/openmetrics-text',
  ]) {
    const { headers, text } = await ask(accept);
    t.is(headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    t.is(headers.vary, 'Accept');
    t.regex(text, /\n# EOF\n$/);
    t.notRegex(text, /\n\n/);
    t.regex(text, /^# TYPE jackfield_requests counter\njackfield_requests_total\{/m);
    t.regex(text, /^# HELP jackfield_requests .*\\"aborted\\"/m);
    // The family of a counter has the name without the suffix; all other families have the same name.
    for (const [, name] of text.matchAll(/^# TYPE (\S+) counter$/gm)) t.false(name?.endsWith('_total'));
    t.regex(text, /^# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds /m);
  }
  for (const accept of [
    undefined,
    '*/*',
    'text/plain',
    'text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5',
    'application/openmetrics-text;version=2.0.0',
    'application/openmetrics-text;q=0',
  ]) {
    const { headers, text } = await ask(accept);
    t.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8', accept);
    t.true(parseExposition(text).has('jackfield_requests_total'));
  }
});

test('connections and exchanges under way are counted, this one included', async (t) => {
  const { port } = await serve(t, { plugins: ['metrics'] });
  const [idle, client] = [await RawClient.connect(port), await RawClient.connect(port)];
  idle.send(request('GET /probe'));
  await idle.response();
  client.send(request('GET /metrics'));
  const answer = await client.response();
  t.is(field(answer, 'content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const families = parseExposition(answer.body);
  const value = (name: string) => families.get(name)?.samples.get(`${name}{}`);
  t.is(value('jackfield_connections'), 2);
  t.is(value('jackfield_exchanges'), 1);
  t.is(value('jackfield_connections_refused_total'), 0);
  t.is(value('jackfield_requests_refused_total'), 0);
  t.is(families.get('jackfield_connections_refused_total')?.type, 'counter');
  idle.destroy();
  client.destroy();
});

test('errors of the store are counted by code', async (t) => {
  const server = await withOptions(t);
  await server.inject({ target: '/down' });
  await server.inject({ target: '/down' });
  const samples = (await scraped(server)).get('jackfield_storage_errors_total')?.samples;
  t.deepEqual([...(samples ?? [])], [['jackfield_storage_errors_total{code="STORAGE_UNAVAILABLE"}', 2]]);
});

test('two servers of one process share no numbers, and do not use the global registry', async (t) => {
  const [one, other] = [await withOptions(t), await withOptions(t)];
  await one.inject({ target: '/users/1' });
  t.is((await scraped(other)).get('jackfield_requests_total')?.samples.size, 0);
  t.is((await scraped(one)).get('jackfield_requests_total')?.samples.size, 1);
  t.deepEqual(globalRegistry.getMetricsAsArray(), []);
});

test('the metrics include the process, unless the option is off', async (t) => {
  const families = await scraped(await withOptions(t));
  t.is(families.get('process_cpu_seconds_total')?.type, 'counter');
  t.is(families.get('nodejs_eventloop_lag_seconds')?.samples.size, 4);
  for (const lag of families.get('nodejs_eventloop_lag_seconds')?.samples.values() ?? []) t.true(lag >= 0);
  t.true(
    (families.get('process_resident_memory_bytes')?.samples.get('process_resident_memory_bytes{}') ?? 0) >
      1e6,
  );
  const without = await scraped(await withOptions(t, { process: false }));
  t.false([...without.keys()].some((name) => /^(?:process|nodejs)_/.test(name)));
});

test('the path is an option; invalid options are refused', async (t) => {
  t.is(
    (await (await withOptions(t, { path: '/internal/numbers' })).inject({ target: '/internal/numbers' }))
      .status,
    200,
  );
  for (const options of [
    { path: 'metrics' },
    { buckets: [] },
    { buckets: [2, 1] },
    { buckets: [0] },
    { defaults: true },
  ])
    t.like(
      await t.throwsAsync(withOptions(t, options)),
      { code: 'PLUGIN_OPTIONS_INVALID' },
      JSON.stringify(options),
    );
});
