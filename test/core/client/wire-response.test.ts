import test from 'ava';
import fc from 'fast-check';
import { type Reading, type ReadingManner, readResponse } from '../../../core/client/wire-response.js';

const manner: ReadingManner = { method: 'GET', wire: 'standard', ended: false };
const read = (text: string, more: Partial<ReadingManner> = {}): Reading =>
  readResponse(Buffer.from(text), { ...manner, ...more });

/** Status, body and the rest of a complete response, otherwise the state of the reading. */
function summary(reading: Reading): unknown {
  if (reading.is !== 'complete') return reading.is === 'malformed' ? reading.why : reading.is;
  return [reading.response.status, reading.response.body.toString(), reading.rest.toString()];
}

const VECTORS: readonly (readonly [
  name: string,
  octets: string,
  manner: Partial<ReadingManner>,
  expected: unknown,
])[] = [
  ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', {}, [200, 'hi', '']],
  ['without reason', 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n', {}, [404, '', '']],
  [
    'in chunks, with extension and trailer',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n',
    {},
    [200, 'hi!', ''],
  ],
  ['to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { method: 'HEAD' }, [200, '', '']],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', {}, [204, '', '']],
  [
    'after an interim response',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.',
    {},
    [200, '.', ''],
  ],
  [
    '100 as classic',
    'HTTP/1.1 100 CONTINUE\r\nContent-Length: 0\r\n\r\n',
    { wire: 'classic' },
    [100, '', ''],
  ],
];

for (const [name, octets, how, expected] of VECTORS) {
  test(`a response ${name} is parsed whole, in pieces, and with more octets after it`, (t) => {
    t.deepEqual(summary(read(octets, how)), expected);
    for (let length = 0; length < octets.length; length++) {
      const reading = read(octets.slice(0, length), how);
      t.is(reading.is, 'incomplete');
      t.true(reading.is === 'incomplete' && reading.needs > length && reading.needs <= octets.length);
    }
    const [status, body] = expected as [number, string];
    t.deepEqual(summary(read(`${octets}HTTP`, how)), [status, body, 'HTTP']);
  });
}

test('a response without a length ends with the connection', (t) => {
  t.is(summary(read('HTTP/1.1 200 OK\r\n\r\nhi')), 'incomplete');
  t.deepEqual(summary(read('HTTP/1.1 200 OK\r\n\r\nhi', { ended: true })), [200, 'hi', '']);
});

test('another protocol is reported at once', (t) => {
  const why = 'the response is not HTTP:';
  t.is(summary(read('SSH-2')), `${why} it begins with "SSH-2"`);
  t.is(summary(read('HTTP/1.1 OK\r\n\r\n')), `${why} the status line is "HTTP/1.1 OK"`);
  t.is(summary(read('HTTP/1.1 200 OK\r\nno colon\r\n\r\n')), `${why} a field line is "no colon"`);
  t.is(summary(read('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n')), `${why} Content-Length is "-1"`);
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  t.is(summary(read(`${chunked}hi\r\n`)), `${why} a chunk begins with "hi"`);
  t.is(summary(read(`${chunked}1\r\nhi\r\n`)), `${why} a chunk of 1 octets is not followed by CR LF`);
  t.is(
    summary(read(`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(2 ** 20)}`)),
    `${why} the header section does not end within 1048576 octets`,
  );
});

test('any body is read from any chunks', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1 })), (chunks) => {
      const octets = Buffer.concat([
        Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
        ...chunks.flatMap((chunk) =>
          [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n'].map((part) => Buffer.from(part)),
        ),
        Buffer.from('0\r\n\r\n'),
      ]);
      const reading = readResponse(octets, manner);
      t.true(reading.is === 'complete' && reading.response.body.equals(Buffer.concat(chunks)));
    }),
  );
});
