import test from 'ava';
import { parseHttpDate } from '../../../core/http/http-date.js';

const TIME = Date.UTC(1994, 10, 6, 8, 49, 37);
const NOW = Date.UTC(2026, 0, 1);

test('RFC 9110 §5.6.7: the three forms of a date are accepted', (t) => {
  t.is(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT', NOW), TIME);
  t.is(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW), TIME);
  t.is(parseHttpDate('Sun Nov  6 08:49:37 1994', NOW), TIME);
  t.is(parseHttpDate(new Date(TIME).toUTCString(), NOW), TIME);
});

test('RFC 9110 §5.6.7: a two-digit year more than 50 years ahead is in the past', (t) => {
  t.is(parseHttpDate('Sunday, 06-Nov-76 00:00:00 GMT', NOW), Date.UTC(2076, 10, 6));
  t.is(parseHttpDate('Sunday, 06-Nov-77 00:00:00 GMT', NOW), Date.UTC(1977, 10, 6));
});

test('text that is not an HTTP-date is refused', (t) => {
  for (const text of [
    '',
    'now',
    '0',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 06 nov 1994 08:49:37 GMT',
    'Sun, 31 Jun 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
  ]) {
    t.is(parseHttpDate(text, NOW), undefined, text);
  }
});
