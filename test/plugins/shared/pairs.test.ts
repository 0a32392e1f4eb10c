import test from 'ava';
import fc from 'fast-check';
import { readPairs } from '../../../plugins/shared/pairs.js';
import { fakeRequest } from '../fakes.js';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

const NO_CONTENT = 'There is no content. Please check';
const NO_PAIR = 'Key-value format is not valid.';
const BLANK_KEY = 'Key value does not exist or is blank.';

/** The pairs as `[key, value]`, or the refusal. */
async function read(body: string, contentType?: string): Promise<unknown> {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  const result = await readPairs(fakeRequest({ body, headers }));
  return 'refusal' in result ? result.refusal : result.pairs.map(({ key, value }) => [key, value]);
}

const refused = (body: string, status = 400) => ({ status, body });

test('classic pairs are the texts before and after the first colon, trimmed', async (t) => {
  t.deepEqual(await read('ID: 20182793&Subject: Computer_Network'), [
    ['ID', '20182793'],
    ['Subject', 'Computer_Network'],
  ]);
  t.deepEqual(await read(' a \t:\r\n b '), [['a', 'b']]);
  t.deepEqual(await read('url: http://[::1]:80/'), [['url', 'http://[::1]:80/']]);
});

test('a value may be empty, and a key may contain line breaks and names such as __proto__', async (t) => {
  t.deepEqual(await read('a:&b: '), [
    ['a', ''],
    ['b', ''],
  ]);
  t.deepEqual(await read('__proto__: 1&a\nb: 2'), [
    ['__proto__', '1'],
    ['a\nb', '2'],
  ]);
});

test('an empty or blank body has no content, whatever its type', async (t) => {
  for (const type of [undefined, 'text/html', JSON_TYPE, FORM]) {
    t.deepEqual(await read('', type), refused(NO_CONTENT));
    t.deepEqual(await read(' \r\n\t', type), refused(NO_CONTENT));
  }
});

test('a pair without a colon is refused, an empty one too', async (t) => {
  for (const body of ['middle_exam70', 'a: 1&b', 'a: 1&', '&', '&a: 1', 'a: 1&&b: 2']) {
    t.deepEqual(await read(body), refused(NO_PAIR), body);
  }
});

test('a blank key is refused, but only if every pair has a colon', async (t) => {
  for (const body of [':', ': 95', ' : 95', 'a: 1&: 2'])
    t.deepEqual(await read(body), refused(BLANK_KEY), body);
  t.deepEqual(await read(': 1&b'), refused(NO_PAIR));
});

test('a body of any type except JSON and forms has classic pairs', async (t) => {
  for (const type of [
    'text/html',
    'text/plain; charset=utf-8',
    'application/octet-stream',
    '',
    ';',
    'nonsense',
  ]) {
    t.deepEqual(await read('a=b: 1', type), [['a=b', '1']], type);
  }
});

test('a multipart form is refused, and the sentence says what to send instead', async (t) => {
  t.deepEqual(
    await read('a: 1', 'Multipart/Form-Data; boundary=x'),
    refused('Send the pairs as "key: value&key2: value2", as a JSON object or as a URL-encoded form.', 415),
  );
});

test('a form is decoded; its keys and values are not changed', async (t) => {
  t.deepEqual(await read('a=1&b+c=+%26%3D%3A+&d=', FORM), [
    ['a', '1'],
    ['b c', ' &=: '],
    ['d', ''],
  ]);
  t.deepEqual(await read('at=12:30&%ED%95%9C=%EA%B8%80', `${FORM}; charset=UTF-8`), [
    ['at', '12:30'],
    ['한', '글'],
  ]);
  t.deepEqual(await read('a=1&a=2', FORM), [
    ['a', '1'],
    ['a', '2'],
  ]);
  t.deepEqual(await read('=1', FORM), refused(BLANK_KEY));
  t.deepEqual(await read('+=1', FORM), refused(BLANK_KEY));
});

test('a form whose escapes are not UTF-8 is refused, so that no other text is stored', async (t) => {
  for (const body of ['a=%FF', 'a=%', 'a=50%', '%C3=1'])
    t.deepEqual(await read(body, FORM), refused(NO_PAIR), body);
});

test('classic pairs are recognised also under the type that curl sends with every body', async (t) => {
  t.deepEqual(await read('ID: 1+1&Subject: x%20y', FORM), [
    ['ID', '1+1'],
    ['Subject', 'x%20y'],
  ]);
  t.deepEqual(await read('query: a=b', FORM), [['query', 'a=b']]);
  t.deepEqual(await read('a=1&', FORM), refused(NO_PAIR));
  t.deepEqual(await read('a=1&b: 2', FORM), refused(NO_PAIR));
});

test('JSON members keep their order, their repetitions and the digits of their numbers', async (t) => {
  t.deepEqual(await read('{"b":"x","10":20182793123456789012,"2":-1.50E+2,"b":true,"c":false}', JSON_TYPE), [
    ['b', 'x'],
    ['10', '20182793123456789012'],
    ['2', '-1.50E+2'],
    ['b', 'true'],
    ['c', 'false'],
  ]);
  t.deepEqual(await read('\n{ "a" : "" }\n', 'application/vnd.api+json; charset=utf-8'), [['a', '']]);
});

test('JSON strings are unescaped and not changed', async (t) => {
  t.deepEqual(await read('{"\\u0061\\n\\"": " {[,:}] \\ud83d\\ude00", "__proto__": " x "}', JSON_TYPE), [
    ['a\n"', ' {[,:}] 😀'],
    ['__proto__', ' x '],
  ]);
});

test('JSON that is not an object of strings, numbers and booleans is refused', async (t) => {
  for (const body of ['[]', '"a: 1"', '1', 'null', '{"a":null}', '{"a":{}}', '{"a":[1]}', '{"a":[],"a":1}']) {
    t.deepEqual(await read(body, JSON_TYPE), refused(NO_PAIR), body);
  }
  t.deepEqual(await read('{}', JSON_TYPE), refused(NO_CONTENT));
  t.deepEqual(await read('{"":1}', JSON_TYPE), refused(BLANK_KEY));
  t.deepEqual(await read('{" ":1,"a":null}', JSON_TYPE), refused(NO_PAIR));
});

test('invalid JSON with the type of JSON has its own error', async (t) => {
  for (const body of ['a: 1', '{"a":1,}', '{a:1}', '{"a":1} x', '{"a":1 /* no */}', "{'a':1}", '{"a":01}']) {
    await t.throwsAsync(read(body, JSON_TYPE), { code: 'BODY_NOT_JSON' }, body);
  }
});

test('a body of brackets is refused and does not exhaust the stack', async (t) => {
  const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
  t.deepEqual(await read(`{"a":${deep},"a":1}`, JSON_TYPE), refused(NO_PAIR));
});

test('any JSON object of strings and numbers is read as by JSON.parse', async (t) => {
  const members = fc.uniqueArray(
    fc.tuple(fc.string({ unit: 'binary' }), fc.oneof(fc.string(), fc.double(), fc.boolean())),
    {
      selector: ([key]) => key,
      minLength: 1,
    },
  );
  await fc.assert(
    fc.asyncProperty(members, async (list) => {
      const written = list.map(([key, value]) => [`k${key}`, value] as const);
      // JSON has no NaN and no infinities: JSON.stringify writes null, which is refused.
      fc.pre(written.every(([, value]) => typeof value !== 'number' || Number.isFinite(value)));
      const body = `{${written.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(' , ')}}`;
      t.deepEqual(
        await read(body, JSON_TYPE),
        written.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
      );
    }),
  );
});

test('any pairs survive the form that URLSearchParams writes', async (t) => {
  const pair = fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }));
  await fc.assert(
    fc.asyncProperty(fc.array(pair, { minLength: 1 }), async (pairs) => {
      const written = pairs.map(([key, value]) => [`k${key}`, value] as [string, string]);
      t.deepEqual(await read(new URLSearchParams(written).toString(), FORM), written);
    }),
  );
});
