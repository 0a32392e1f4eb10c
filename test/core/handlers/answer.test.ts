import test, { type ExecutionContext } from 'ava';
import type { ResponseParts, ResponseValue } from '../../../core/api/answer.js';
import { JackfieldError } from '../../../core/errors.js';
import { type Answer, errorAnswer, isExpected, toAnswer, toParts } from '../../../core/handlers/answer.js';
import { HttpError } from '../../../core/handlers/http-error.js';

/** The reason for the refusal. */
function refusal(t: ExecutionContext, value: unknown): string {
  const error = t.throws(() => toAnswer(value as ResponseValue), { instanceOf: JackfieldError });
  t.is(error?.code, 'HANDLER_ANSWER_INVALID');
  return error?.message ?? '';
}

const fieldsOf = ({ fields }: Answer) => fields.text.text;

test('a string is 200 text/plain, bytes and streams are 200 application/octet-stream', (t) => {
  const text = toAnswer('é');
  t.is(text.status, 200);
  t.is(text.body, 'é');
  t.is(fieldsOf(text), 'Content-Type: text/plain; charset=utf-8\r\n');
  for (const value of [new Uint8Array([1]), Buffer.from('x'), (async function* () {})()]) {
    const answer = toAnswer(value);
    t.is(answer.status, 200);
    t.is(answer.body, value);
    t.is(fieldsOf(answer), 'Content-Type: application/octet-stream\r\n');
  }
});

test('parts have their own status, 200, or 204 without a body', (t) => {
  t.is(toAnswer({}).status, 204);
  t.is(toAnswer({ body: '' }).status, 200);
  t.is(toAnswer({ status: 201 }).status, 201);
  t.is(toAnswer({ json: null }).body, 'null');
  t.is(toAnswer({ json: [1] }).body, '[1]');
  t.is(toAnswer({ status: 599, body: 'x' }).status, 599);
});

test('a web Response is sent unchanged, with its repeated fields', async (t) => {
  const headers = new Headers([
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['x-a', '1'],
  ]);
  const answer = toAnswer(new Response('hello', { status: 202, headers }));
  t.is(answer.status, 202);
  t.deepEqual(answer.fields.raw, [
    ...['content-type', 'text/plain;charset=UTF-8'],
    ...['set-cookie', 'a=1'],
    ...['set-cookie', 'b=2'],
    ...['x-a', '1'],
  ]);
  const parts: Uint8Array[] = [];
  for await (const part of answer.body as AsyncIterable<Uint8Array>) parts.push(part);
  t.is(Buffer.concat(parts).toString(), 'hello');
  t.is(toAnswer(new Response(null, { status: 204 })).body, undefined);
});

test('fields are sent in their original spelling, lists as several lines', (t) => {
  const answer = toAnswer({
    headers: { 'X-One': '1', 'x-Many': ['a', 'b'], 'Content-TYPE': 'a/b' },
    body: 'x',
  });
  t.is(fieldsOf(answer), 'X-One: 1\r\nx-Many: a\r\nx-Many: b\r\nContent-TYPE: a/b\r\n');
});

test('a field with an empty value is sent', (t) => {
  t.is(fieldsOf(toAnswer({ status: 405, headers: { Allow: '' } })), 'Allow: \r\n');
});

test('an invalid answer is refused with the reason', (t) => {
  t.regex(refusal(t, undefined), /returned undefined.*status: 204/);
  t.regex(refusal(t, 42), /returned 42/);
  t.regex(refusal(t, []), /an array.*json/);
  t.regex(refusal(t, { statusCode: 200 }), /"statusCode"/);
  t.regex(refusal(t, { body: 'a', json: 1 }), /both/);
  t.regex(refusal(t, { body: {} }), /json/);
  t.regex(refusal(t, { status: 100 }), /status is 100/);
  t.regex(refusal(t, { status: 204, body: 'x' }), /204 answer has no body/);
  t.regex(refusal(t, { headers: { 'a b': 'c' } }), /"a b" is not a token/);
  t.regex(refusal(t, { headers: { a: ' c' } }), /field a/);
  t.regex(refusal(t, { headers: { a: 'c\t' } }), /field a/);
  t.regex(refusal(t, { headers: { a: '\u0100' } }), /latin1/);
  t.regex(refusal(t, { headers: { 'Transfer-Encoding': 'chunked' } }), /only the server may set/);
  t.regex(refusal(t, { headers: { Connection: 'x-hop' } }), /may only ask for "close"/);
  t.regex(refusal(t, { headers: { 'Content-Length': ['1', '2'] } }), /twice/);
  t.regex(refusal(t, { headers: { 'Content-Length': '2' }, body: 'x' }), /is 2, but its body has 1/);
});

test('Connection: close closes and is sent only once; keep-alive is ignored', (t) => {
  const closing = toAnswer({ headers: { connection: 'Close' }, body: 'x' });
  t.true(closing.close);
  t.false(/connection/i.test(fieldsOf(closing)));
  t.false(toAnswer({ headers: { Connection: 'keep-alive' }, body: 'x' }).close);
});

test('frozen headers are checked once, for each kind of body', (t) => {
  const headers = Object.freeze({ 'X-A': '1' });
  const text = toAnswer({ headers, body: 'x' });
  t.is(toAnswer({ headers, body: 'y' }).fields, text.fields);
  t.regex(fieldsOf(toAnswer({ headers, json: 1 })), /application\/json/);
  t.regex(fieldsOf(toAnswer({ headers, body: 'z' })), /text\/plain/);
});

test('headers that can still change are checked each time', (t) => {
  const many = ['1'];
  const map = Object.freeze(new Map([['X-A', '1']]));
  const fetched = Object.freeze(new Headers({ 'X-A': '1' }));
  const first: ResponseParts['headers'][] = [Object.freeze({ 'X-A': many }), map as never, fetched];
  for (const headers of first) toAnswer({ headers: headers ?? {} });
  many.push('2\r\nX-Evil: 1');
  map.set('X-A', '2\r\nX-Evil: 1');
  fetched.set('X-A', '2');
  t.regex(refusal(t, { headers: first[0] }), /field X-A/);
  t.regex(refusal(t, { headers: first[1] }), /field X-A/);
  t.regex(fieldsOf(toAnswer({ headers: fetched })), /x-a: 2/);
});

test('names of inherited object properties are ordinary fields', (t) => {
  const headers = JSON.parse('{"__proto__": "1", "constructor": "2"}') as Record<string, string>;
  const answer = toAnswer({ headers, body: '' });
  t.regex(fieldsOf(answer), /__proto__: 1\r\nconstructor: 2\r\n/);
  const parts = toParts(answer);
  t.deepEqual(Object.entries(parts.headers).slice(-2), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
  t.false('toString' in parts.headers);
});

test('the parts for a hook have lower-case names, and lists for several lines', (t) => {
  const answer = toAnswer({ status: 201, headers: { 'X-A': ['1', '2'], 'X-B': '3' }, body: 'x' });
  t.like(toParts(answer), {
    status: 201,
    body: 'x',
    headers: { 'x-a': ['1', '2'], 'x-b': '3', 'content-type': 'text/plain; charset=utf-8' },
  });
  t.false('body' in toParts(toAnswer({ status: 204 })));
  t.deepEqual(toAnswer(toParts(answer)).fields.text.text.toLowerCase(), fieldsOf(answer).toLowerCase());
});

test('errors are sent as status and message; faults inside a plugin are not sent', (t) => {
  t.like(errorAnswer(new HttpError(409, 'taken', { 'X-A': '1' })), { status: 409, body: 'taken' });
  t.like(errorAnswer(new JackfieldError('HOST_NOT_ALLOWED', 'x')), {
    status: 400,
    body: 'Not allowed host: x',
    close: false,
  });
  t.like(errorAnswer(new JackfieldError('REQUEST_TIMEOUT')), { status: 408, close: true });
  for (const secret of [
    new Error('secret'),
    'secret',
    null,
    new JackfieldError('HANDLER_ANSWER_INVALID', 'secret'),
  ]) {
    const answer = errorAnswer(secret);
    t.is(answer.status, 500);
    t.false(String(answer.body).includes('secret'));
  }
});

test('a fault of a store is sent as its message, without paths and addresses', (t) => {
  const sentences = {
    STORAGE_UNAVAILABLE: 'The store cannot be reached; nothing was changed.',
    STORAGE_FULL: 'The store is full; nothing was changed.',
    STORAGE_LOCKED: 'The data is in use.',
  } as const;
  for (const code of ['STORAGE_UNAVAILABLE', 'STORAGE_FULL', 'STORAGE_LOCKED'] as const) {
    const { status, body } = errorAnswer(new JackfieldError(code, '/srv/data.json is secret'));
    t.is(status, code === 'STORAGE_FULL' ? 507 : 503);
    t.is(body, sentences[code]);
  }
  // The client's own mistake is still sent.
  t.regex(String(errorAnswer(new JackfieldError('STORAGE_KEY_INVALID', '"a" is odd.')).body), /"a" is odd\./);
});

test('an HttpError needs a status from 400 to 599', (t) => {
  for (const status of [399, 600, 200, 404.5, Number.NaN])
    t.throws(() => new HttpError(status, 'x'), { instanceOf: TypeError });
});

test('an object that only pretends to be one of our errors is answered with 500', (t) => {
  const marked = (parts: object): object => ({ [Symbol.for('jackfield.JackfieldError')]: true, ...parts });
  for (const parts of [
    {},
    { status: 99, message: 'x' },
    { status: 200, message: 'x' },
    { status: 600, message: 'x' },
    { status: '404 A\r\nX: y', message: 'x' },
    { status: 404, message: {} },
  ]) {
    t.true(marked(parts) instanceof JackfieldError);
    t.false(isExpected(marked(parts)));
    t.like(errorAnswer(marked(parts)), { status: 500, body: new JackfieldError('HANDLER_FAILED').message });
  }
  const other = marked({ status: 404, message: 'Of another version.', code: 'NEWER', closes: false });
  t.true(isExpected(other));
  t.like(errorAnswer(other), { status: 404, body: 'Of another version.', close: false });
});
