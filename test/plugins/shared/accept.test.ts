import test from 'ava';
import { preferredType } from '../../../plugins/shared/accept.js';

const TEXT = 'text/plain';
const JSON_TYPE = 'application/json';
const preferred = (accept: string | undefined) => preferredType(accept, [TEXT, JSON_TYPE]);

test('without Accept, and with one that takes everything, the first offer is taken', (t) => {
  for (const accept of [undefined, '', '*/*', ' */* ', '*/*;q=0.1', 'text/*, application/*']) {
    t.is(preferred(accept), TEXT, accept ?? 'absent');
  }
});

test('RFC 9110 §12.5.1: the offer with the higher weight is taken', (t) => {
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

test('where neither offer is acceptable, the first is taken', (t) => {
  for (const accept of [
    'image/png',
    '*/*;q=0',
    'application/json;q=0',
    'text/plain;q=0, application/json;q=0',
  ]) {
    t.is(preferred(accept), TEXT, accept);
  }
});

test('of equal weights the one that is named more precisely is taken, then the first offer', (t) => {
  t.is(preferred('application/json, */*'), JSON_TYPE);
  t.is(preferred('application/json, text/*'), JSON_TYPE);
  t.is(preferred('application/json, text/plain, */*'), TEXT);
});

test('a charset is no reason to mistake a type, other parameters are', (t) => {
  t.is(preferred('application/json; charset=utf-8'), JSON_TYPE);
  t.is(preferred('text/plain;charset=UTF-8;q=0.1, application/json;q=0.2'), JSON_TYPE);
  t.is(preferred('text/plain;format=flowed, application/json;q=0.2'), JSON_TYPE);
});

test('separators inside of a quoted string separate nothing', (t) => {
  t.is(preferred('text/plain;a="x, */*;q=0", application/json;q=0.1'), JSON_TYPE);
  t.is(preferred('image/png;a="\\"," , application/json;q=0.1'), JSON_TYPE);
});

test('a malformed element is read past, the others count', (t) => {
  for (const bad of [
    'json',
    '/',
    '*/json',
    'text/plain;q=2',
    'text/plain;q=0.1234',
    'text/plain;q=',
    'te xt/plain',
    ',',
  ]) {
    t.is(preferred(`${bad}, application/json;q=0.1`), JSON_TYPE, bad);
  }
  t.is(preferred('application/json;a="unclosed, text/plain'), TEXT);
});
