import test from 'ava';
import fc from 'fast-check';
import { parseJson } from '../../../core/config/json-document.js';
import { JackfieldError } from '../../../core/errors.js';

const read = (text: string) =>
  parseJson(text, 'file.json', { syntax: 'CONFIG_SYNTAX', repeated: 'CONFIG_INVALID' });

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof JackfieldError) return `${error.code} ${error.message.replace(/^.*?: /, '')}`;
    throw error;
  }
  return 'taken';
}

test('comments and trailing commas are allowed', (t) => {
  t.deepEqual(read('// one\n{ "a": [1, 2,], /* two */ "b": null, }').value, { a: [1, 2], b: null });
});

test('a syntax error is reported in plain words, with line and column', (t) => {
  const sentences = {
    '': '1:1: the file is empty; the smallest JSON object is {}.',
    ' \n // nothing': '2:12: a value is missing.',
    '{\n  "a": 1\n  "b": 2\n}': '3:3: a comma is missing.',
    '{ "a" 1 }': '1:7: a colon is missing between key and value.',
    '{ "a": }': '1:8: a value is missing.',
    '{ "a": 1': '1:9: "}" expected.',
    '[1, 2': '1:6: "]" expected.',
    '{} {}': '1:4: there is text after the end of the value.',
    '{ a: 1 }': '1:3: the key a needs double quotes: "a".',
    "{ 'a': 1 }": '1:3: strings need double quotes.',
    '{ "a": True }': '1:8: "True" is not a JSON value.',
    '# no\n{}': '1:1: a comment begins with "//".',
    '/* no': '1:1: a comment is not closed with "*/".',
    '{ "a": "no }': '1:8: a string is not closed with a double quote on its line.',
    '{ "a": 1. }': '1:8: "1." is not a whole number or decimal fraction.',
    '{ "a": "C:\\data" }': '1:8: a backslash does not begin a valid escape; write a backslash as "\\\\".',
    '{ "a": "\\u12" }': '1:8: four hexadecimal digits are expected after "\\u".',
    '{ "a": "\t" }': '1:8: a string contains a control character; write it as an escape such as "\\t".',
    '{ "a": 1,, }': '1:10: a key in double quotes is expected.',
  };
  for (const [text, sentence] of Object.entries(sentences)) {
    t.is(refusal(text), `CONFIG_SYNTAX file.json:${sentence}`, text);
  }
});

test('lines may end in LF, CR LF or CR', (t) => {
  for (const end of ['\n', '\r\n', '\r']) {
    t.is(read(`{${end}${end}  "a": 1 }`).locate(['a']), 'file.json:3:8');
  }
});

test('every repeated key is reported, also in nested objects', (t) => {
  t.is(
    refusal('{ "a": 1,\n "a": { "b": 1,\n "b": 2 } }'),
    'CONFIG_INVALID file.json:2:2: the key "a" occurs twice, first on line 1\n' +
      'file.json:3:2: the key "b" occurs twice, first on line 2',
  );
});

test('the key __proto__ is a key like any other', (t) => {
  const { value, locate } = read('{ "__proto__": { "port": 1 } }');
  t.deepEqual(Object.keys(value as object), ['__proto__']);
  t.is(locate(['__proto__', 'port']), 'file.json:1:26');
});

test('the location of a missing value is that of the nearest enclosing value', (t) => {
  const { locate } = read('{ "listen": { "port": 1 },\n "plugins": [ "get" ] }');
  t.is(locate([]), 'file.json:1:1');
  t.is(locate(['listen', 'port']), 'file.json:1:23');
  t.is(locate(['listen', 'port'], 'key'), 'file.json:1:15');
  t.is(locate(['listen', 'host']), 'file.json:1:13');
  t.is(locate(['plugins', 0]), 'file.json:2:15');
  t.is(locate(['plugins', 7, 'options']), 'file.json:2:13');
  t.is(locate(['plugins', 0, 'options'], 'key'), 'file.json:2:15');
  t.is(locate([Symbol('never')]), 'file.json:1:1');
});

test('a file with only brackets is refused and does not crash', (t) => {
  t.is(
    refusal('['.repeat(200_000)),
    'CONFIG_SYNTAX file.json:1:101: more than 100 values are nested in each other.',
  );
});

test('any JSON is parsed like JSON.parse, and every value has its position', (t) => {
  // JSON.parse has no repeated keys, and JSON.stringify writes none.
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, 2, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const document = read(text);
      t.deepEqual(document.value, JSON.parse(text));
      for (const path of pathsIn(JSON.parse(text))) {
        const rest = from(text, document.locate(path));
        const expected = JSON.stringify(at(JSON.parse(text), path), null, indent);
        // Nested values are indented more in the text, so only values of one line are compared completely.
        t.true(expected.includes('\n') ? rest[0] === expected[0] : rest.startsWith(expected));
      }
    }),
  );
  t.pass();
});

function from(text: string, location: string): string {
  const [, line, column] = /:(\d+):(\d+)$/.exec(location) ?? [];
  return text
    .split('\n')
    .slice(Number(line) - 1)
    .join('\n')
    .slice(Number(column) - 1);
}

function pathsIn(value: unknown): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const keys = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value);
  return [[], ...keys.flatMap((key) => pathsIn(at(value, [key])).map((path) => [key, ...path]))];
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => Reflect.get(inner as object, key), value);
}
