import test from 'ava';
import type { ParserEvent } from '../../../core/http/message-parser.js';
import { RequestParser } from '../../../core/http/parser.js';
import { LIMITS } from './judge.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** The events of these octets, the last one included. */
function feed(parser: RequestParser, octets: string): ParserEvent[] {
  const events: ParserEvent[] = [];
  parser.feed(Buffer.from(octets, 'latin1'));
  for (;;) {
    const event = parser.next();
    events.push(event);
    if (event !== 'head' && event !== 'data') return events;
  }
}

test('a request has begun with the first octet of its method', (t) => {
  const parser = new RequestParser(LIMITS);
  t.false(parser.midRequest);
  for (const octet of 'GET / HTTP/1.1\r\nHost: a\r\n\r') {
    feed(parser, octet);
    t.true(parser.midRequest);
  }
  t.deepEqual(feed(parser, '\n'), ['head', 'complete']);
  t.false(parser.midRequest);
});

test('empty lines begin no request, nor does half of one', (t) => {
  const parser = new RequestParser(LIMITS);
  for (const octets of ['\r', '\n', '\r\n', '\r']) {
    feed(parser, octets);
    t.false(parser.midRequest);
  }
  feed(parser, '\nG');
  t.true(parser.midRequest);
});

test('how much of the body is still to come is known where its length is', (t) => {
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

test('a complete request says so until the next is asked for', (t) => {
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

test('to proceed before a request is complete is a mistake of the caller', (t) => {
  t.throws(() => new RequestParser(LIMITS).proceed(), { instanceOf: TypeError });
});

test('a parser that rested within a request reads on', (t) => {
  const parser = new RequestParser(LIMITS);
  for (const octet of GET) {
    parser.rest();
    const events = feed(parser, octet);
    if (events[0] !== 'need-data') t.deepEqual(events, ['head', 'complete']);
  }
  t.is(parser.head?.host, 'a');
});

test('a dialect is asked about a head whose only fault is its Host, and may take it', (t) => {
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

test('no dialect is asked about faulty framing or an unknown expectation', (t) => {
  for (const line of ['Content-Length: x', 'Transfer-Encoding: gzip', 'Expect: x']) {
    const parser = new RequestParser({ ...LIMITS, claim: () => t.fail() as never });
    t.deepEqual(feed(parser, `GET / HTTP/1.1\r\n${line}\r\n\r\n`), ['error'], line);
  }
});

test('RFC 9110 §7.4: that one target needs TLS says nothing of the next', (t) => {
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
