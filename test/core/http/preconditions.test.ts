import test from 'ava';
import { evaluatePreconditions, mayBePartial } from '../../../core/http/preconditions.js';

const THEN = 'Sun, 06 Nov 1994 08:49:37 GMT';
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT';
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT';
/** With a fraction of a second, which HTTP-date cannot express. */
const LAST_MODIFIED = Date.UTC(1994, 10, 6, 8, 49, 37, 600);
const CURRENT = { etag: '"a"', lastModified: LAST_MODIFIED };

const read = (
  headers: Record<string, string>,
  current: Parameters<typeof evaluatePreconditions>[1] = CURRENT,
) => evaluatePreconditions(headers, current, true);
const write = (
  headers: Record<string, string>,
  current: Parameters<typeof evaluatePreconditions>[1] = CURRENT,
) => evaluatePreconditions(headers, current, false);

test('RFC 9110 §13.1.1: If-Match compares strongly and fails with 412', (t) => {
  t.is(write({ 'if-match': '"a"' }), 'perform');
  t.is(write({ 'if-match': '"x", "a"' }), 'perform');
  t.is(write({ 'if-match': '"x", W/"a"' }), 'failed');
  t.is(write({ 'if-match': '"a"' }, { etag: 'W/"a"', lastModified: undefined }), 'failed');
  t.is(write({ 'if-match': '"A"' }), 'failed');
  t.is(write({ 'if-match': 'a' }), 'failed');
  t.is(write({ 'if-match': '*' }), 'perform');
  t.is(evaluatePreconditions({ 'if-match': '*' }, undefined, false), 'failed');
  t.is(write({ 'if-match': '"a"' }, { etag: undefined, lastModified: LAST_MODIFIED }), 'failed');
});

test('RFC 9110 §13.1.2: If-None-Match compares weakly; a match is 304 for GET and HEAD, else 412', (t) => {
  t.is(read({ 'if-none-match': '"a"' }), 'not-modified');
  t.is(read({ 'if-none-match': 'W/"a"' }), 'not-modified');
  t.is(read({ 'if-none-match': '"x,\u00e4" , W/"a"' }), 'not-modified');
  t.is(read({ 'if-none-match': '"b"' }), 'perform');
  t.is(read({ 'if-none-match': '*' }), 'not-modified');
  t.is(write({ 'if-none-match': '*' }), 'failed');
  t.is(write({ 'if-none-match': '"a"' }), 'failed');
  t.is(evaluatePreconditions({ 'if-none-match': '*' }, undefined, false), 'perform');
});

test('RFC 9110 §8.8.3: a comma inside a tag does not end it', (t) => {
  t.is(read({ 'if-none-match': '"x", "a,b"' }, { etag: '"a,b"', lastModified: undefined }), 'not-modified');
});

test('RFC 9110 §13.1.3: If-Modified-Since applies only to GET and HEAD and compares whole seconds', (t) => {
  t.is(read({ 'if-modified-since': THEN }), 'not-modified');
  t.is(read({ 'if-modified-since': AFTER }), 'not-modified');
  t.is(read({ 'if-modified-since': BEFORE }), 'perform');
  t.is(read({ 'if-modified-since': 'yesterday' }), 'perform');
  t.is(write({ 'if-modified-since': THEN }), 'perform');
  t.is(read({ 'if-modified-since': THEN }, { etag: '"a"', lastModified: undefined }), 'perform');
});

test('RFC 9110 §13.1.4: If-Unmodified-Since fails with 412 if the resource is newer', (t) => {
  t.is(write({ 'if-unmodified-since': BEFORE }), 'failed');
  t.is(write({ 'if-unmodified-since': THEN }), 'perform');
  t.is(write({ 'if-unmodified-since': 'never' }), 'perform');
  t.is(write({ 'if-unmodified-since': BEFORE }, { etag: '"a"', lastModified: undefined }), 'perform');
});

test('RFC 9110 §13.2.2: entity tags come before dates, and If-Match before If-None-Match', (t) => {
  t.is(read({ 'if-match': '"a"', 'if-unmodified-since': BEFORE }), 'perform');
  t.is(read({ 'if-none-match': '"b"', 'if-modified-since': THEN }), 'perform');
  t.is(read({ 'if-match': '"b"', 'if-none-match': '"a"' }), 'failed');
  t.is(read({ 'if-match': '"a"', 'if-none-match': '"a"' }), 'not-modified');
});

test('RFC 9110 §13.1.5: If-Range compares tags strongly and dates exactly', (t) => {
  t.true(mayBePartial(undefined, CURRENT));
  t.true(mayBePartial('"a"', CURRENT));
  t.false(mayBePartial('W/"a"', CURRENT));
  t.false(mayBePartial('"b"', CURRENT));
  t.false(mayBePartial('W/"a"', { etag: 'W/"a"', lastModified: undefined }));
  t.true(mayBePartial(THEN, CURRENT));
  t.false(mayBePartial(AFTER, CURRENT));
  t.false(mayBePartial('soon', CURRENT));
  t.false(mayBePartial(THEN, CURRENT, LAST_MODIFIED), 'the second is not over');
});
