import test from 'ava';
import { preferredCoding, preferredType, refusesIdentity } from '../../../plugins/shared/negotiation.js';

const TEXT = 'text/plain';
const JSON_TYPE = 'application/json';
const preferred = (accept: string | undefined) => preferredType(accept, [TEXT, JSON_TYPE]);

test('without Accept, and with one that accepts everything, the first offer is used', (t) => {
  for (const accept of [undefined, '', '*/*', ' */* ', '*/*;q=0.1', 'text/*, application/*']) {
    t.is(preferred(accept), TEXT, accept ?? 'absent');
  }
});

test('RFC 9110 §12.5.1: the offer with the higher weight is used', (t) => {
  t.is(preferred('application/json'), JSON_TYPE);
  t.is(preferred('APPLICATION/Json'), JSON_TYPE);
  t.is(preferred('application/*'), JSON_TYPE);
  t.is(preferred('text/plain;q=0.5, application/json;q=0.501'), JSON_TYPE);
  t.is(preferred('application/json ; q=0.8 ,\ttext/plain; Q=0.9'), TEXT);
  t.is(preferred('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'), TEXT);
  t.is(preferred('*/*, text/plain;q=0.9'), JSON_TYPE);
});

test('RFC 9110 §12.5.1: the most precise range decides, whatever the others say', (t) => {
  t.is(preferred('text/plain;q=0.1, text/*;q=0.9, */*;q=0.5'), JSON_TYPE);
  t.is(preferred('*/*;q=0.5, text/*;q=0.1'), JSON_TYPE);
  t.is(preferred('application/json;q=0, application/*'), TEXT);
});

test('RFC 9110 §12.4.2: a weight of 0 is "not acceptable"', (t) => {
  t.is(preferred('text/plain;q=0, */*;q=0.001'), JSON_TYPE);
  t.is(preferred('text/plain;q=0.000, application/json;q=0.001'), JSON_TYPE);
});

test('if neither offer is acceptable, the first is used', (t) => {
  for (const accept of [
    'image/png',
    '*/*;q=0',
    'application/json;q=0',
    'text/plain;q=0, application/json;q=0',
  ]) {
    t.is(preferred(accept), TEXT, accept);
  }
});

test('with equal weights the offer that is named more precisely is used, then the one that is named first', (t) => {
  t.is(preferred('application/json, */*'), JSON_TYPE);
  t.is(preferred('application/json, text/*'), JSON_TYPE);
  t.is(preferred('application/json, text/plain, */*'), JSON_TYPE);
  t.is(preferred('text/plain, application/json, */*'), TEXT);
});

test('a charset parameter does not prevent a match, other parameters do', (t) => {
  t.is(preferred('application/json; charset=utf-8'), JSON_TYPE);
  t.is(preferred('text/plain;charset=UTF-8;q=0.1, application/json;q=0.2'), JSON_TYPE);
  t.is(preferred('text/plain;format=flowed, application/json;q=0.2'), JSON_TYPE);
});

test('separators within a quoted string are ignored', (t) => {
  t.is(preferred('text/plain;a="x, */*;q=0", application/json;q=0.1'), JSON_TYPE);
  t.is(preferred('image/png;a="\\"," , application/json;q=0.1'), JSON_TYPE);
});

test('an element that is not a media range is skipped, the others count', (t) => {
  for (const bad of ['json', '/', 'te xt/plain', ',']) {
    t.is(preferred(`${bad}, application/json;q=0.1`), JSON_TYPE, bad);
  }
});

const CODINGS = ['zstd', 'br', 'gzip'] as const;

test('RFC 9110 §12.5.3: the coding with the highest weight is used, of equal ones the first offered', (t) => {
  t.is(preferredCoding('gzip', CODINGS), 'gzip');
  t.is(preferredCoding('gzip, br', CODINGS), 'br');
  t.is(preferredCoding('br;q=0.5, gzip', CODINGS), 'gzip');
  t.is(preferredCoding('*', CODINGS), 'zstd');
  t.is(preferredCoding('zstd;q=0, *;q=0.1', CODINGS), 'br');
  t.is(preferredCoding('X-Gzip', CODINGS), 'gzip');
});

test('RFC 9110 §12.5.3: content is not encoded for a client that names no coding or prefers identity', (t) => {
  for (const accept of [undefined, '', 'identity', 'deflate', 'gzip;q=0', 'gzip;q=0.5, identity;q=0.6']) {
    t.is(preferredCoding(accept, CODINGS), undefined, accept ?? 'absent');
  }
});

test('RFC 9110 §12.5.3: a client may refuse content without a coding', (t) => {
  for (const accept of ['identity;q=0', 'gzip, identity;q=0', 'gzip, *;q=0'])
    t.true(refusesIdentity(accept), accept);
  for (const accept of [undefined, '', 'gzip', '*', 'identity;q=0.1, *;q=0']) {
    t.false(refusesIdentity(accept), accept ?? 'absent');
  }
});
