/**
 * One connection with a peer in memory and a clock that the test sets: deadlines to the millisecond, and limits. The
 * first `check` after an event dates it, like the first tick.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test, { type ExecutionContext } from 'ava';
import type { Handler } from '../../../core/api/plugin.js';
import type { Limits } from '../../../core/config/limits.js';
import type { Connections } from '../../../core/connection/connections.js';
import { LINGER_MS } from '../../../core/connection/deadlines.js';
import { loaded } from './loaded-transport.js';
import { turns } from './serving.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Closed when the test is over. */
function under(
  t: ExecutionContext,
  handler: Handler,
  limits?: Partial<Limits>,
  time?: () => number,
): ReturnType<typeof loaded> {
  const all = loaded(handler, limits, time);
  t.teardown(() => all.connection.destroy());
  return all;
}

const get = (target: string, ...fields: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n');

test('a peer that behaves slowly has two seconds after the last octet that it accepted', (t) => {
  const { connection, peer } = under(t, () => 'last');
  connection.received(Buffer.from(get('/', 'Connection: close')));
  connection.check(1_000);
  t.true(peer.ended);
  // It has accepted nothing yet: until then the write deadline applies.
  connection.check(6_000);
  t.false(peer.destroyed);
  connection.drained();
  connection.check(7_000);
  connection.check(9_000);
  t.false(peer.destroyed);
  connection.check(9_001);
  t.true(peer.destroyed);
});

test('a peer that accepts nothing of the last answer is disconnected at the write deadline', (t) => {
  const { connection, peer } = under(t, () => 'last', { writeTimeoutMs: 30_000 });
  connection.received(Buffer.from(get('/', 'Connection: close')));
  connection.check(1_000);
  connection.check(31_000);
  t.false(peer.destroyed);
  connection.check(31_001);
  t.true(peer.destroyed);
});

test('on an idle connection, the header deadline starts with the first octet', (t) => {
  const { connection, peer } = under(t, () => 'x', {
    headerTimeoutMs: 10_000,
    idleTimeoutMs: 65_000,
  });
  peer.hasRoom = true;
  connection.check(1_000);
  connection.received(Buffer.from('GET / HT'));
  connection.check(60_000);
  connection.received(Buffer.from('TP/1.1\r\n'));
  connection.check(69_000);
  connection.check(70_000);
  t.is(peer.written, 0);
  connection.check(70_001);
  t.regex(peer.last, /^HTTP\/1\.1 408 /);
  t.true(peer.ended);
});

test('the header deadline of a section that waited for an exchange starts when that exchange is answered', async (t) => {
  let answer: (text: string) => void = () => {};
  const held = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const { connection, peer } = under(t, () => held, {
    headerTimeoutMs: 10_000,
    handlerTimeoutMs: 2e9,
  });
  peer.hasRoom = true;
  connection.received(Buffer.from(`${get('/')}GET / HT`));
  connection.check(1_000);
  const since = 1e9;
  connection.check(since);
  answer('late');
  await turns();
  t.true(peer.last.endsWith('late'));
  connection.check(since);
  connection.check(since + 10_000);
  t.true(peer.last.endsWith('late'));
  connection.check(since + 10_001);
  t.regex(peer.last, /^HTTP\/1\.1 408 /);
});

test('the handler deadline starts when the body is complete', async (t) => {
  const { connection, peer } = under(
    t,
    async (request) => {
      await request.bytes();
      return new Promise<string>(() => {});
    },
    { handlerTimeoutMs: 10_000, requestTimeoutMs: 30_000 },
  );
  peer.hasRoom = true;
  connection.received(Buffer.from(`${get('/', 'Content-Length: 2')}a`));
  connection.check(1e9);
  const since = 1e9 + 20_000;
  connection.check(since);
  t.is(peer.written, 0);
  connection.received(Buffer.from('b'));
  connection.check(since);
  connection.check(since + 10_000);
  t.is(peer.written, 0);
  connection.check(since + 10_001);
  t.regex(peer.last, /^HTTP\/1\.1 503 /);
});

test('the deadline of a whole request is exact to the millisecond', (t) => {
  const { connection, peer } = under(t, async (request) => request.text(), {
    requestTimeoutMs: 30_000,
  });
  peer.hasRoom = true;
  connection.received(Buffer.from(`${get('/', 'Content-Length: 2')}a`));
  connection.check(1e9);
  connection.check(1e9 + 30_000);
  t.is(peer.written, 0);
  connection.check(1e9 + 30_001);
  t.regex(peer.last, /^HTTP\/1\.1 408 /);
});

test('an answer and its deadline in one turn give one answer, whichever comes first', async (t) => {
  for (const isLate of [true, false]) {
    let answer: (text: string) => void = () => {};
    const { connection, peer } = under(
      t,
      () =>
        new Promise<string>((resolve) => {
          answer = resolve;
        }),
      { handlerTimeoutMs: 10_000 },
    );
    peer.hasRoom = true;
    connection.received(Buffer.from(get('/')));
    connection.check(1e9);
    answer('in time');
    // The promise settles only at the end of this turn.
    if (isLate) connection.check(1e9 + 10_001);
    await turns();
    connection.check(1e9 + 10_001);
    await turns();
    t.is(peer.said.match(/HTTP\/1\.1 /g)?.length, 1, peer.said);
    t.regex(peer.said, isLate ? /^HTTP\/1\.1 503 / : /^HTTP\/1\.1 200 /);
    t.is(peer.ended, isLate);
  }
});

test('if the last octet of a request and its deadline come in one turn, the request is answered', async (t) => {
  for (const [first, last, waits] of [
    [get('/').slice(0, -1), '\n', 10_001],
    [`${get('/', 'Content-Length: 2')}a`, 'b', 30_001],
  ] as const) {
    const limits = { headerTimeoutMs: 10_000, requestTimeoutMs: 30_000 };
    const { connection, peer } = under(t, async (request) => request.text(), limits);
    peer.hasRoom = true;
    connection.received(Buffer.from(first));
    connection.check(1e9);
    connection.received(Buffer.from(last));
    connection.check(1e9 + waits);
    await turns();
    connection.check(1e9 + waits);
    t.regex(peer.said, /^HTTP\/1\.1 200 /);
    t.is(peer.said.match(/HTTP\/1\.1 /g)?.length, 1);
    t.false(peer.ended);
  }
});

test('RFC 9112 §9.6: a paused peer is read again after its last answer, so that it can read that answer', async (t) => {
  let answer: (text: string) => void = () => {};
  const { connection, peer } = under(
    t,
    () =>
      new Promise<string>((resolve) => {
        answer = resolve;
      }),
    { maxBufferedOctets: 1_024 },
  );
  peer.hasRoom = true;
  connection.received(Buffer.from(get('/', 'Content-Length: 100000') + 'x'.repeat(1_024)));
  t.true(peer.isPaused);
  answer('enough');
  await turns();
  t.regex(peer.said, /\r\nConnection: close\r\n\r\nenough$/);
  t.true(peer.ended);
  t.false(peer.isPaused);
});

test('a paused peer whose handler did not answer in time is read again after its answer', (t) => {
  const limits = { maxBufferedOctets: 1_024, handlerTimeoutMs: 10_000 };
  const { connection, peer } = under(t, () => new Promise<string>(() => {}), limits);
  peer.hasRoom = true;
  connection.received(Buffer.from(get('/', 'Content-Length: 100000') + 'x'.repeat(1_024)));
  connection.check(1e9);
  t.true(peer.isPaused);
  connection.check(1e9 + 10_001);
  t.regex(peer.said, /^HTTP\/1\.1 503 /);
  t.false(peer.isPaused);
});

test('RFC 9112 §9.6: the answer to a peer that has ended its sending side says that it is the last', async (t) => {
  let answer: (text: string) => void = () => {};
  const { connection, peer } = under(
    t,
    () =>
      new Promise<string>((resolve) => {
        answer = resolve;
      }),
  );
  peer.hasRoom = true;
  connection.received(Buffer.from(get('/')));
  connection.ended();
  answer('last');
  await turns();
  t.regex(peer.said, /\r\nConnection: close\r\n\r\nlast$/);
});

test('a peer that accepts something now and then is not disconnected, however slow it is', async (t) => {
  const { connection, peer } = under(
    t,
    async function* () {
      for (;;) yield 'x'.repeat(2_000);
    },
    { maxBufferedOctets: 1_024, writeTimeoutMs: 30_000 },
  );
  connection.received(Buffer.from(get('/')));
  await turns();
  let now = 1_000;
  connection.check(now);
  for (let round = 0; round < 4; round++) {
    now += 20_000;
    connection.check(now);
    const { written } = peer;
    connection.drained();
    await turns();
    t.true(peer.written > written);
    t.false(peer.destroyed);
    connection.check(now);
  }
  connection.check(now + 30_000);
  t.false(peer.destroyed);
  connection.check(now + 30_001);
  t.true(peer.destroyed);
});

for (const [how, make] of Object.entries({
  whole: (size: number) => Buffer.alloc(size, 'x'),
  'in one part of a stream': async function* (size: number) {
    yield Buffer.alloc(size, 'x');
  },
})) {
  test(`a peer that reads slowly gets all of a large answer, ${how}, however long it takes`, async (t) => {
    const size = 1_000_000;
    const { connection, peer } = under(t, () => make(size), {
      writeTimeoutMs: 2_000,
      maxBufferedOctets: 16_384,
    });
    connection.received(Buffer.from(get('/', 'Connection: close')));
    await turns();
    let now = 1_000;
    let rests = 0;
    connection.check(now);
    for (; !peer.ended; rests++) {
      now += 2_000;
      connection.check(now);
      t.false(peer.destroyed, `after ${peer.written} octets`);
      connection.drained();
      await turns(3);
      connection.check(now);
    }
    t.true(rests > size / 100_000, `${rests}`);
    t.true(peer.written > size);
    // Then it has two seconds after the last octet that it accepted.
    now += 2_000;
    connection.check(now);
    t.false(peer.destroyed);
    connection.drained();
    connection.check(now);
    connection.check(now + LINGER_MS);
    t.false(peer.destroyed);
    connection.check(now + LINGER_MS + 1);
    t.true(peer.destroyed);
  });
}

test('octets after the last answer are not kept', async (t) => {
  const { connection, peer } = under(t, () => 'last');
  connection.received(Buffer.from(get('/', 'Connection: close')));
  t.true(peer.ended);
  const all = Array.from({ length: 20 }, () => {
    const octets = Buffer.alloc(100_000, 'x');
    connection.received(octets);
    return new WeakRef(octets);
  });
  await turns();
  collectGarbage();
  t.deepEqual(
    all.filter((one) => one.deref() !== undefined),
    [],
  );
});

test('a request that waits because its peer accepts nothing is not late: the write deadline applies', (t) => {
  let handled = 0;
  const { connection, peer } = under(
    t,
    () => {
      handled++;
      return 'x'.repeat(1_000);
    },
    { maxBufferedOctets: 1_024, headerTimeoutMs: 10_000, writeTimeoutMs: 30_000 },
  );
  connection.received(Buffer.from(get('/') + get('/')));
  connection.check(1e9);
  t.is(handled, 1);
  const { written } = peer;
  connection.check(1e9 + 30_000);
  t.is(peer.written, written);
  t.false(peer.ended || peer.destroyed);
  connection.check(1e9 + 30_001);
  t.true(peer.destroyed);
});

test('a peer that accepts nothing is not read from until it does', (t) => {
  const { connection, peer } = under(t, () => 'x');
  connection.received(Buffer.from(get('/')));
  t.true(peer.isPaused);
  connection.drained();
  t.false(peer.isPaused);
});

test('while the peer is behind, no request begins, however many have arrived', (t) => {
  let handled = 0;
  const { connection, peer } = under(
    t,
    () => {
      handled++;
      return 'x'.repeat(10_000);
    },
    { maxBufferedOctets: 20_000 },
  );
  connection.received(Buffer.from(get('/').repeat(100)));
  t.true(handled <= 3, `${handled}`);
  const before = handled;
  connection.drained();
  t.true(handled > before, 'it goes on when there is room');
  t.true(handled <= 6, `${handled}`);
  peer.hasRoom = true;
  connection.drained();
  t.is(handled, 100, 'and through all of them where there is room');
});

test('RFC 9110 §15.2: a peer that is behind gets no interim response', (t) => {
  const told: boolean[] = [];
  const { connection, peer } = under(t, (request) => {
    for (let n = 0; n < 3; n++) told.push(request.inform({ status: 103, headers: { Link: '</a>' } }));
    return 'x';
  });
  connection.received(Buffer.from(get('/')));
  t.deepEqual(told, [true, false, false]);
  t.true(peer.last.endsWith('x'));
});

test('the idle deadline is exact to the millisecond, even after empty lines', (t) => {
  for (const octets of ['', '\r\n\r\n']) {
    const { connection, peer } = under(t, () => 'x', { idleTimeoutMs: 65_000 });
    connection.received(Buffer.from(get('/')));
    peer.hasRoom = true;
    connection.drained();
    if (octets !== '') connection.received(Buffer.from(octets));
    connection.check(1_000);
    connection.check(66_000);
    t.false(peer.ended, octets);
    connection.check(66_001);
    t.true(peer.ended, octets);
  }
});

// The ticks of a server

/** Sets the clock of a server and calls the function of its timer. */
async function tickAt(connections: Connections, clock: { now: number }, now: number): Promise<void> {
  clock.now = now;
  connections.tick();
  await turns(1);
}

test('no deadline ends too early, wherever between two ticks its wait began', async (t) => {
  for (const [octets, limits, status] of [
    ['GET / HT', { headerTimeoutMs: 3_900 }, /^HTTP\/1\.1 408 /],
    [`${get('/', 'Content-Length: 2')}a`, { requestTimeoutMs: 3_900 }, /^HTTP\/1\.1 408 /],
    [get('/'), { handlerTimeoutMs: 3_900 }, /^HTTP\/1\.1 503 /],
    ['', { idleTimeoutMs: 3_900 }, /^$/],
  ] as const) {
    const clock = { now: 1_000 };
    const never = () => new Promise<string>(() => {});
    const { connections, connection, peer } = under(t, never, limits, () => clock.now);
    peer.hasRoom = true;
    // Just before the tick at 2,000.
    clock.now = 1_999;
    if (octets !== '') connection.received(Buffer.from(octets));
    for (let now = 2_000; now < 5_899; now += 500) {
      await tickAt(connections, clock, now);
      t.false(peer.ended, `${octets} at ${now}`);
    }
    // At most two ticks late.
    await tickAt(connections, clock, 6_000);
    t.true(peer.ended, octets);
    t.regex(peer.said, status);
  }
});

test('octets that arrived during a pause of the process are read before they can be late', async (t) => {
  const clock = { now: 1_000 };
  const { connections, connection, peer } = under(
    t,
    async (request) => request.text(),
    { requestTimeoutMs: 2_500, headerTimeoutMs: 2_500 },
    () => clock.now,
  );
  peer.hasRoom = true;
  connection.received(Buffer.from(`${get('/', 'Content-Length: 2')}a`));
  await tickAt(connections, clock, 2_000);
  await tickAt(connections, clock, 3_000);
  await tickAt(connections, clock, 4_000);
  // An hour later the timer comes before the socket does.
  clock.now = 3_600_000;
  connections.tick();
  connection.received(Buffer.from('b'));
  await turns();
  t.regex(peer.said, /^HTTP\/1\.1 200 /);
});

test('a pause of the process does not count as time of a handler or a peer', async (t) => {
  const clock = { now: 1_000 };
  const limits = { handlerTimeoutMs: 10_000 };
  const { connections, connection, peer } = under(
    t,
    () => new Promise<string>(() => {}),
    limits,
    () => clock.now,
  );
  peer.hasRoom = true;
  connection.received(Buffer.from(get('/')));
  await tickAt(connections, clock, 2_000);
  await tickAt(connections, clock, 3_600_000);
  t.is(peer.said, '');
  // One second of the pause counts, and then the time in which the process ran.
  for (let now = 3_601_000; now <= 3_608_000; now += 1_000) await tickAt(connections, clock, now);
  t.is(peer.said, '');
  await tickAt(connections, clock, 3_609_000);
  await tickAt(connections, clock, 3_610_000);
  t.regex(peer.said, /^HTTP\/1\.1 503 /);
});

test('a peer that keeps its closed connection open does not delay a stop', async (t) => {
  const clock = { now: 1_000 };
  const { connections, connection, peer } = under(
    t,
    () => 'last',
    { shutdownTimeoutMs: 60_000 },
    () => clock.now,
  );
  peer.hasRoom = true;
  connection.received(Buffer.from(get('/', 'Connection: close')));
  t.true(peer.ended);
  connection.drained();
  await tickAt(connections, clock, 1_000);
  let isOver = false;
  const drained = connections.drain().finally(() => {
    isOver = true;
  });
  // It neither ends nor closes its side; the server waits a moment, then closes anyway.
  for (let now = 1_500; now <= 1_000 + LINGER_MS; now += 500) await tickAt(connections, clock, now);
  t.false(isOver);
  await tickAt(connections, clock, 1_500 + LINGER_MS);
  t.is(await drained, 0);
  t.true(peer.destroyed);
});

test('RFC 9110 §6.6.1: Date is correct before the first tick after a pause, and after the clock is set back', (t) => {
  const { connection, peer } = under(t, () => 'x');
  peer.hasRoom = true;
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  for (const date of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Mon, 07 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 07:49:37 GMT',
  ]) {
    Date.now = () => Date.parse(date);
    peer.said = '';
    connection.received(Buffer.from(get('/')));
    t.true(peer.said.includes(`\r\nDate: ${date}\r\n`), peer.said);
  }
});
