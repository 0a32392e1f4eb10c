import test from 'ava';
import fc from 'fast-check';
import { chooseRange } from '../../../core/http/byte-range.js';

test('RFC 9110 §14.1.2: a single range is chosen', (t) => {
  t.deepEqual(chooseRange('bytes=0-499', 10_000), { first: 0, last: 499 });
  t.deepEqual(chooseRange('bytes=9500-', 10_000), { first: 9_500, last: 9_999 });
  t.deepEqual(chooseRange('bytes=-500', 10_000), { first: 9_500, last: 9_999 });
  t.deepEqual(chooseRange('bytes=0-0', 10_000), { first: 0, last: 0 });
  t.deepEqual(chooseRange('bytes=9999-20000', 10_000), { first: 9_999, last: 9_999 });
  t.deepEqual(chooseRange('bytes=-20000', 10_000), { first: 0, last: 9_999 });
  t.deepEqual(chooseRange('BYTES=0-1', 10_000), { first: 0, last: 1 });
});

test('RFC 9110 §14.2: other units and malformed ranges are ignored', (t) => {
  for (const field of [
    'lines=0-1',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-4',
    'bytes=1',
    'bytes=0-1,x',
    'bytes= 0 - 1',
    'bytes=+1-2',
    ' bytes=0-1',
  ]) {
    t.is(chooseRange(field, 10), undefined, field);
  }
});

test('RFC 9110 §15.5.17: a range outside the representation is unsatisfiable', (t) => {
  for (const field of [
    'bytes=10-',
    'bytes=10-20',
    'bytes=-0',
    'bytes=10-, 20-30',
    `bytes=${'9'.repeat(400)}-`,
  ]) {
    t.is(chooseRange(field, 10), 'unsatisfiable', field);
  }
  t.is(chooseRange('bytes=0-', 0), 'unsatisfiable');
  t.is(chooseRange('bytes=-1', 0), undefined, 'the last octets of nothing are the whole of it');
});

test('RFC 9110 §15.3.7.2: ranges that overlap or touch are merged; separate ranges are all ignored', (t) => {
  t.deepEqual(chooseRange('bytes=0-4,5-9', 100), { first: 0, last: 9 });
  t.deepEqual(chooseRange('bytes=5-9, 0-7 ,', 100), { first: 0, last: 9 });
  t.deepEqual(chooseRange('bytes=0-4,200-300', 100), { first: 0, last: 4 });
  t.is(chooseRange('bytes=0-4,6-9', 100), undefined);
});

test('a range never exceeds the representation', (t) => {
  const spec = fc.tuple(fc.option(fc.nat(50)), fc.option(fc.nat(50)));
  const field = fc
    .array(spec, { maxLength: 4 })
    .map((specs) => `bytes=${specs.map(([first, last]) => `${first ?? ''}-${last ?? ''}`).join(', ')}`);
  fc.assert(
    fc.property(field, fc.nat(40), (text, size) => {
      const range = chooseRange(text, size);
      return (
        typeof range !== 'object' || (range.first >= 0 && range.first <= range.last && range.last < size)
      );
    }),
  );
  t.pass();
});
