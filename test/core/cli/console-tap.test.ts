import test from 'ava';
import { ConsoleTap } from '../../../core/cli/console-tap.js';

function printed(use: (tap: ConsoleTap) => void): string {
  let text = '';
  use(
    new ConsoleTap((more) => {
      text += more;
    }),
  );
  return text;
}

const octets = (text: string): Uint8Array => Buffer.from(text);

test('an exchange is printed as received and as sent, with plain line ends', (t) => {
  const text = printed((tap) => {
    tap.received(1, octets('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    tap.sent(1, octets('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
    tap.received(1, octets('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'));
  });
  t.is(
    text,
    '### Connection 1\nReceiving Request...\nGET / HTTP/1.1\nHost: a\n\n' +
      'Sending Response...\nHTTP/1.1 200 OK\nContent-Length: 2\n\nhi\n' +
      'Receiving Request...\nHEAD / HTTP/1.1\nHost: a\n\n',
  );
});

test('octets that arrive in pieces have one heading, and no character is cut', (t) => {
  const all = Buffer.from('POST / HTTP/1.1\r\n\r\n값');
  const text = printed((tap) => {
    for (const octet of all) tap.received(7, new Uint8Array([octet]));
  });
  t.is(text, '### Connection 7\nReceiving Request...\nPOST / HTTP/1.1\n\n값');
});

test('each change of connection gets a new heading', (t) => {
  const text = printed((tap) => {
    tap.received(1, octets('one'));
    tap.received(2, octets('two\r'));
    tap.received(1, octets('more\n'));
  });
  t.is(
    text,
    '### Connection 1\nReceiving Request...\none\n### Connection 2\nReceiving Request...\ntwo\\x0d\n' +
      '### Connection 1\nReceiving Request...\nmore\n',
  );
});

test('the last line ends, and held back octets are printed', (t) => {
  const text = printed((tap) => {
    tap.end();
    tap.received(1, octets('a\r'));
    tap.end();
    tap.end();
  });
  t.is(text, '### Connection 1\nReceiving Request...\na\\x0d\n');
});

test('a client cannot control the terminal of the operator', (t) => {
  t.is(
    printed((tap) => tap.received(1, octets('\x1b]0;owned\x07'))),
    '### Connection 1\nReceiving Request...\n\\x1b]0;owned\\x07',
  );
});
