import test from 'ava';
import { type ParserEvent, RequestParser } from '../../../core/http/parser.js';
import { LIMITS } from './judge.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** The events of these octets, including the last. */
function feed(parser: RequestParser, octets: string): ParserEvent[] {
  const events: ParserEvent[] = [];
  parser.feed(Buffer.from(octets, 'latin1'));
  for (;;) {
    const event = parser.next();
    events.push(event);
    if (event !== 'head' && event !== 'data') return events;
  }
}

test('a request begins with the first octet of its method', (t) => {
  const parser = new RequestParser(LIMITS);
  t.false(parser.midRequest);
  for (const octet of 'GET / HTTP/1.1\r\nHost: a\r\n\r') {
    feed(parser, octet);
    t.true(parser.midRequest);
  }
  t.deepEqual(feed(parser, '\n'), ['head', 'complete']);
  t.false(parser.midRequest);
});

test('empty lines, or half of one, do not begin a request', (t) => {
  const parser = new RequestParser(LIMITS);
  for (const octets of ['\r', '\n', '\r\n', '\r']) {
    feed(parser, octets);
    t.false(parser.midRequest);
  }
  feed(parser, '\nG');
  t.true(parser.midRequest);
});

test('the number of body octets still to come is known if there is a length', (t) => {
  const parser = new RequestParser(LIMITS);
  feed(parser, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
  t.is(parser.bodyLeft, 5);
  feed(parser, 'abc');
  t.is(parser.bodyLeft, 2);
  feed(parser, 'de');
  t.is(parser.bodyLeft, 0);
  parser.proceed();
  feed(parser, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  t.is(parser.bodyLeft, Number.POSITIVE_INFINITY);
  feed(parser, '0\r\n');
  t.is(parser.bodyLeft, Number.POSITIVE_INFINITY);
  feed(parser, '\r\n');
  t.is(parser.bodyLeft, 0);
});

test('`complete` repeats until the next request is started', (t) => {
  const parser = new RequestParser(LIMITS);
  t.deepEqual(feed(parser, GET + GET), ['head', 'complete']);
  t.is(parser.next(), 'complete');
  t.true(parser.hasUnread);
  parser.proceed();
  t.is(parser.next(), 'head');
  t.false(parser.hasUnread);
  t.is(parser.next(), 'complete');
  parser.proceed();
  t.is(parser.next(), 'need-data');
});

test('an error is final', (t) => {
  const parser = new RequestParser(LIMITS);
  t.deepEqual(feed(parser, 'GET\r\n'), ['error']);
  t.is(parser.error?.code, 'REQUEST_LINE_INVALID');
  t.deepEqual(feed(parser, GET), ['error']);
  t.is(parser.error?.code, 'REQUEST_LINE_INVALID');
  t.throws(() => parser.proceed(), { instanceOf: TypeError });
});

test('calling proceed() before a request is complete throws', (t) => {
  t.throws(() => new RequestParser(LIMITS).proceed(), { instanceOf: TypeError });
});

test('a parser can release memory inside a request and continue', (t) => {
  const parser = new RequestParser(LIMITS);
  for (const octet of GET) {
    parser.rest();
    const events = feed(parser, octet);
    if (events[0] !== 'need-data') t.deepEqual(events, ['head', 'complete']);
  }
  t.is(parser.head?.host, 'a');
});

test('a dialect sees a head whose only fault is its Host, and may accept it', (t) => {
  const asked: unknown[] = [];
  const claimed = { dialect: 'test', path: '/a', write: () => ({ head: '', withBody: false, close: true }) };
  const parser = new RequestParser({
    ...LIMITS,
    claim: (head) => {
      asked.push(head);
      return head.method === 'MINE' ? claimed : undefined;
    },
  });
  t.deepEqual(feed(parser, 'MINE /x HTTP/1.1\r\nA: b\r\n\r\n'), ['head', 'complete']);
  t.is(parser.head?.claim, claimed);
  parser.proceed();
  t.deepEqual(feed(parser, GET), ['head', 'complete']);
  t.is(parser.head?.claim, undefined);
  parser.proceed();
  t.deepEqual(feed(parser, 'NOT /x HTTP/1.1\r\nHost: a b\r\n\r\n'), ['error']);
  t.is(parser.error?.code, 'HOST_INVALID');
  t.deepEqual(asked, [
    { method: 'MINE', target: '/x', rawHeaders: ['A', 'b'], fault: 'HOST_MISSING' },
    { method: 'NOT', target: '/x', rawHeaders: ['Host', 'a b'], fault: 'HOST_INVALID' },
  ]);
});

test('no dialect sees a head with faulty framing or an unknown expectation', (t) => {
  for (const line of ['Content-Length: x', 'Transfer-Encoding: gzip', 'Expect: x']) {
    const parser = new RequestParser({ ...LIMITS, claim: () => t.fail() as never });
    t.deepEqual(feed(parser, `GET / HTTP/1.1\r\n${line}\r\n\r\n`), ['error'], line);
  }
});

test('RFC 9110 §7.4: a target that needs TLS does not affect the next one', (t) => {
  const parser = new RequestParser(LIMITS);
  const targets = ['https://a/', '/', 'http://a/', 'https://a/?x', '*'];
  const line = (target: string): string => `${target === '*' ? 'OPTIONS' : 'GET'} ${target} HTTP/1.1`;
  parser.feed(Buffer.from(targets.map((target) => `${line(target)}\r\nHost: a\r\n\r\n`).join('')));
  const needs = targets.map(() => {
    t.is(parser.next(), 'head');
    const { needsTls } = parser.head!;
    t.is(parser.next(), 'complete');
    parser.proceed();
    return needsTls;
  });
  t.deepEqual(needs, [true, false, false, true, false]);
});
