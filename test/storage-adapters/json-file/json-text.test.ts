import test from 'ava';
import fc from 'fast-check';
import { StorageError } from '../../../core/storage/contract.js';
import { lineOf } from '../../../storage-adapters/json-file/json-text.js';
import { pairsIn } from './helpers.js';

const read = (text: string | Uint8Array) => [
  ...pairsIn(typeof text === 'string' ? Buffer.from(text) : text, 'data.json'),
];

test('any entries written as lines are read back in order', (t) => {
  const text = fc.string({ unit: 'binary' });
  const pairs = fc.uniqueArray(fc.tuple(fc.oneof(text, fc.nat(99).map(String)), text), {
    selector: ([key]) => key,
  });
  fc.assert(
    fc.property(pairs, (all) => {
      const some = all.filter(([key]) => key !== '');
      const written =
        some.length === 0 ? '{}' : `{\n${some.map(([key, value]) => lineOf(key, value)).join(',\n')}\n}\n`;
      t.deepEqual(read(written), some);
      t.deepEqual(Object.entries(JSON.parse(written)).length, some.length, 'it is JSON to everyone else');
    }),
  );
  t.pass();
});

test('white space, escapes and a byte order mark are read as in JSON', (t) => {
  t.deepEqual(read('\ufeff {\r\n\t"a" : "\\u0041\\n\\"\\\\" ,"b":"\u2028\\/"}\n\n'), [
    ['a', 'A\n"\\'],
    ['b', '\u2028/'],
  ]);
  t.deepEqual(read(' { } '), []);
  t.deepEqual(read('{"__proto__": "x", "10": "a", "9": "b"}'), [
    ['__proto__', 'x'],
    ['10', 'a'],
    ['9', 'b'],
  ]);
});

for (const [what, text, place, hint] of [
  ['an empty file', '', '1:1', /empty/],
  ['white space alone', ' \n', '2:1', /empty/],
  ['an array', '[]', '1:1', /one JSON object/],
  ['a number', '{\n  "a": "1",\n  "b": 2\n}', '3:8', /double quotes/],
  ['a boolean', '{"a": true}', '1:7', /double quotes/],
  ['null', '{"a": null}', '1:7', /double quotes/],
  ['a nested object', '{"a": {}}', '1:7', /double quotes/],
  ['a bare word', '{"a": yes}', '1:7', /value in double quotes/],
  ['single quotes', "{'a': 'b'}", '1:2', /key in double quotes/],
  ['a key without quotes', '{a: "b"}', '1:2', /key in double quotes/],
  ['an empty key', '{"": "b"}', '1:2', /not empty/],
  ['a repeated key', '{"a": "1",\n "b": "2",\n "\\u0061": "3"}', '3:2', /"a" occurs twice/],
  ['a trailing comma', '{"a": "1",\n}', '2:1', /comma/],
  ['a missing comma', '{"a": "1"\n "b": "2"}', '2:2', /comma/],
  ['a missing colon', '{"a" "1"}', '1:6', /colon/],
  ['a missing value', '{"a": }', '1:7', /value/],
  ['a comment', '{\n // mine\n "a": "1"}', '2:2', /comments/],
  ['a file cut within a value', '{"a": "12', '1:7', /closing double quote/],
  ['a file cut before the end', '{"a": "12"', '1:11', /closing }/],
  ['a file cut after the brace', '{', '1:2', /key/],
  ['text after the end', '{"a": "1"}\n{}', '2:1', /end of the object/],
  ['a line break in a string', '{"a": "1\n2"}', '1:7', /line break/],
  ['an unknown escape', '{"a": "\\x41"}', '1:7', /escape/],
  ['an escaped quote at the end', '{"a": "\\\\\\"}', '1:7', /closing double quote/],
  ['half a surrogate pair', '{"a": "\\ud83d"}', '1:7', /half a character/],
] as const) {
  test(`${what} is STORAGE_CORRUPT with its place and what to do`, (t) => {
    const error = t.throws(() => read(text), { instanceOf: StorageError, code: 'STORAGE_CORRUPT' });
    t.true(error?.message.includes(`data.json:${place}: `), error?.message);
    t.regex(error?.message ?? '', hint);
  });
}

test('octets that are not UTF-8 are STORAGE_CORRUPT with their place', (t) => {
  for (const wrong of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
    const octets = Buffer.concat([Buffer.from('{\n "é": "'), Buffer.from(wrong), Buffer.from('"}')]);
    const error = t.throws(() => read(octets), { instanceOf: StorageError, code: 'STORAGE_CORRUPT' });
    t.true(error?.message.includes('data.json:2:8: '), error?.message);
  }
});

test('a file cut at any octet is never read as other data', (t) => {
  const whole = Buffer.from(`{\n${lineOf('key', 'é\\"\n')},\n${lineOf('10', '')}\n}\n`);
  for (let length = 0; length < whole.length - 1; length += 1) {
    t.throws(() => read(whole.subarray(0, length)), { code: 'STORAGE_CORRUPT' }, `cut at ${length}`);
  }
  t.is(read(whole.subarray(0, -1)).length, 2, 'only the last line end may be missing');
});

test('a large value, a value full of escapes and many entries are read', (t) => {
  const large = '\\"'.repeat(500_000);
  const lines = Array.from({ length: 20_000 }, (_, n) => lineOf(`key ${n}`, `value ${n}`));
  const pairs = read(`{${lineOf('large', large)},${lines.join(',')}}`);
  t.is(pairs.length, 20_001);
  t.true(pairs[0]?.[1] === large);
});
