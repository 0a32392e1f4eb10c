import test from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import { Overload } from '../../../core/connection/overload.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, KeptLog, serverOf, who } from '../../support/who.js';

const NONE = Number.POSITIVE_INFINITY;
const HOST = '127.0.0.1';

/** Answers `/slow` when the test says so, and counts what reaches plugins. */
function gate() {
  const waiting: (() => void)[] = [];
  const seen: string[] = [];
  const plugin = {
    name: 'gate',
    setup({ handle, hook }: PluginContext) {
      hook('request', ({ path }) => {
        seen.push(path);
      });
      hook('close', ({ path }) => {
        seen.push(`${path} closed`);
      });
      handle('GET', '/slow', () => new Promise<string>((resolve) => waiting.push(() => resolve('done'))));
      handle('POST', '/slow', (request) => request.text());
    },
  };
  return { plugin, waiting, seen };
}

const GET_SLOW = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n';

test('a request beyond maxInFlight is answered 503 with Retry-After, and the connection stays open', async (t) => {
  const { plugin, waiting, seen } = gate();
  const log = new KeptLog();
  const config = { plugins: [plugin], overload: { maxInFlight: 1, retryAfterSeconds: 7 } };
  const { port } = await serverOf(t, config, log).listen();
  const busy = await RawClient.to(t, { port, host: HOST });
  busy.send(GET_SLOW);
  const other = await RawClient.to(t, { port, host: HOST });
  other.send(GET_SLOW);
  t.deepEqual(await other.answers(1), ['503']);
  await other.receive('The server is overloaded');
  t.true(other.unread.includes('\r\nRetry-After: 7\r\n'));
  t.false(other.unread.includes('Connection: close'));
  waiting.shift()?.();
  await busy.receive('done');
  other.send(GET_SLOW);
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  waiting.shift()?.();
  await other.receive('done');
  // The first to close is the refused request: only its handler did not run.
  t.deepEqual(seen, ['/slow', '/slow closed', '/slow closed', '/slow', '/slow closed']);
  const { level, fields } = await log.until('were refused');
  t.is(level, 'warn');
  t.like(fields, { count: 1, total: 1, inFlight: 1 });
});

test('the connection closes if a body is still arriving, and stays open if it is complete', async (t) => {
  const { plugin, waiting } = gate();
  const limits = { maxBufferedOctets: 1_024 };
  const { port } = await serverOf(t, { plugins: [plugin], overload: { maxInFlight: 1 }, limits }).listen();
  const busy = await RawClient.to(t, { port, host: HOST });
  busy.send(GET_SLOW);
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const whole = await RawClient.to(t, { port, host: HOST });
  whole.send('POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc');
  t.deepEqual(await whole.answers(1), ['503']);
  whole.send(GET_SLOW);
  t.deepEqual(await whole.answers(2), ['503', '503']);
  t.false(whole.unread.includes('Connection: close'));
  // It is dropped as it arrives, so it may be larger than the buffer.
  whole.send(`POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n\r\n${'x'.repeat(3_000)}`);
  t.deepEqual(await whole.answers(3), ['503', '503', '503']);
  t.false(whole.unread.includes('Connection: close'));
  for (const field of [
    'Content-Length: 3',
    'Content-Length: 3\r\nExpect: 100-continue',
    'Transfer-Encoding: chunked',
  ]) {
    const part = await RawClient.to(t, { port, host: HOST });
    part.send(`POST /slow HTTP/1.1\r\nHost: localhost\r\n${field}\r\n\r\n`);
    await part.closed();
    t.deepEqual(await part.answers(1), ['503'], field);
    t.true(part.unread.includes('Connection: close'));
    t.false(part.unread.includes('100 Continue'));
    part.socket.end();
  }
  waiting.shift()?.();
  await busy.receive('done');
});

test('exchanges are counted until they are over, however they end', async (t) => {
  const { plugin, waiting } = gate();
  const config = {
    plugins: [plugin, who],
    overload: { maxInFlight: 1 },
    limits: { handlerTimeoutMs: 40 },
  };
  const { port } = await serverOf(t, config).listen();
  const lost = await RawClient.to(t, { port, host: HOST });
  lost.send(GET_SLOW);
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  lost.socket.destroy();
  const late = await RawClient.to(t, { port, host: HOST });
  // Until the server has noticed the loss, it refuses this.
  while (waiting.length === 1) {
    const before = await late.answers(0);
    late.send(GET_SLOW);
    if (waiting.length === 1) await Promise.race([late.answers(before.length + 1), untilWaiting(waiting)]);
  }
  await late.receive('The handler did not answer in time.');
  const next = await RawClient.to(t, { port, host: HOST });
  next.send(GET_WHO + GET_WHO);
  t.deepEqual(await next.answers(2), ['200', '200']);
});

async function untilWaiting(waiting: readonly unknown[]): Promise<void> {
  while (waiting.length === 1) await new Promise((resolve) => setImmediate(resolve));
}

test('a server without such limits has no overload check', (t) => {
  const off = { maxLoopDelayMs: NONE, maxInFlight: NONE, retryAfterSeconds: 1 };
  t.is(Overload.of(off, new KeptLog()), undefined);
  for (const limit of [{ maxLoopDelayMs: 1e6 }, { maxInFlight: 5 }]) {
    const overload = Overload.of({ ...off, ...limit }, new KeptLog());
    t.false(overload?.isOver ?? true);
    overload?.stop();
  }
});

test('a late event loop is noticed before the timer runs, and each sample halves the old delay', (t) => {
  let now = 0;
  const limits = { maxLoopDelayMs: 100, maxInFlight: NONE, retryAfterSeconds: 1 };
  const overload = new Overload(limits, new KeptLog(), () => now);
  t.teardown(() => overload.stop());
  now = 50;
  overload.sample();
  t.false(overload.isOver);
  now = 200; // 100 late, which is allowed
  t.false(overload.isOver);
  now = 201;
  t.true(overload.isOver);
  now = 500; // 400 late
  overload.sample();
  t.true(overload.isOver);
  now += 50;
  overload.sample(); // 200
  t.true(overload.isOver);
  now += 50;
  overload.sample(); // 100
  t.false(overload.isOver);
});

test('if only exchanges are limited, a late event loop does not matter', (t) => {
  let now = 0;
  const limits = { maxLoopDelayMs: NONE, maxInFlight: 1, retryAfterSeconds: 1 };
  const overload = new Overload(limits, new KeptLog(), () => now);
  now = 1e9;
  t.false(overload.isOver);
  overload.begin();
  t.true(overload.isOver);
  overload.end();
  t.false(overload.isOver);
});
