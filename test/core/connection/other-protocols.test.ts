import test from 'ava';
import { RequestParser } from '../../../core/http/parser.js';
import { RawClient } from '../../support/raw-client.js';
import { isStartWarning } from '../../support/start-warnings.js';
import { KeptLog, serverOf } from '../../support/who.js';
import { LIMITS, octetByOctet } from '../http/judge.js';

const PROXY_V2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\x10\0\x20\0';
const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const BEGINNINGS = [
  ['proxy-protocol', 'PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n', '400', 'PROXY protocol'],
  ['proxy-protocol', 'PROXY TCP6 2001:db8::1 2001:db8::2 4000 80\r\n', '400', 'PROXY protocol'],
  ['proxy-protocol', 'PROXY UNKNOWN\r\n', '400', 'PROXY protocol'],
  ['proxy-protocol', PROXY_V2, '400', 'PROXY protocol'],
  ['tls', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', '400', 'TLS handshake on an address without "tls"'],
  ['http2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505', 'HTTP/2 preface'],
] as const;

/** The parser's result for a connection that begins with these octets. */
function seenIn(pieces: readonly Buffer[], parser = new RequestParser(LIMITS)): RequestParser {
  for (const piece of pieces) {
    parser.feed(piece);
    for (let event = parser.next(); event !== 'need-data'; event = parser.next()) {
      if (event === 'error') return parser;
      if (event === 'complete') parser.proceed();
    }
  }
  return parser;
}

test('a connection that begins with another protocol is recognised, however its octets are split', (t) => {
  for (const [protocol, octets] of BEGINNINGS) {
    const whole = Buffer.from(octets, 'latin1');
    for (const pieces of [[whole], octetByOctet(whole)]) {
      const parser = seenIn(pieces);
      t.truthy(parser.error, octets);
      t.is(parser.otherProtocol, protocol, octets);
    }
  }
});

test('a PROXY line longer than the request line limit is recognised too', (t) => {
  const line = Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}`);
  for (const pieces of [[line], octetByOctet(line)]) {
    const parser = seenIn(pieces);
    t.truthy(parser.error);
    t.is(parser.otherProtocol, 'proxy-protocol');
  }
});

test('octets that only resemble another protocol are refused without that name', (t) => {
  for (const octets of [
    'PROXY TCP4 HTTP/1.1\r\n\r\n',
    'PROXY / HTTP/2.0\r\n\r\n',
    'PRI / HTTP/2.0\r\n\r\n',
    '\0GET / HTTP/1.1\r\n\r\n',
    '\r\n\0\r\nQUIT\n',
    '\x15\x03\x01\0\x02\x02\x28',
    // A header section or a later request is not the beginning of a connection.
    'GET / HTTP/1.1\r\n\x16\x03: a\r\n\r\n',
    `${GET}PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n`,
    `${GET}\x16\x03\x01`,
  ]) {
    const parser = seenIn([Buffer.from(octets, 'latin1')]);
    t.truthy(parser.error, octets);
    t.is(parser.otherProtocol, undefined, octets);
  }
});

test('the log says what to change; the peer gets the same answer and close as without it', async (t) => {
  for (const [, octets, status, sentence] of BEGINNINGS) {
    const log = new KeptLog();
    const { port } = await serverOf(t, {}, log).listen();
    const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
    peer.send(octets + GET);
    await peer.closed();
    t.deepEqual(await peer.answers(1), [status], octets);
    const warnings = log.lines.filter((line) => line.level === 'warn' && !isStartWarning(line));
    t.is(warnings.length, 1, octets);
    t.true(warnings[0]!.message.includes(sentence), octets);
    t.deepEqual(warnings[0]!.fields, { remoteAddress: '127.0.0.1', count: 1, total: 1 });
  }
});

test('a flood of such connections is counted and not logged one by one', async (t) => {
  const log = new KeptLog();
  const server = serverOf(t, {}, log);
  const { port } = await server.listen();
  for (let n = 0; n < 50; n++) {
    const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
    peer.send('PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n');
    await peer.closed();
  }
  await server.close();
  const warnings = log.lines.filter(({ message }) => message.includes('PROXY protocol'));
  t.is(warnings[0]?.fields.count, 1);
  t.is(warnings.at(-1)?.fields.total, 50, 'what was left is logged at the stop');
  t.true(warnings.length < 50);
});
