/** Unusual and broken configurations: each gets one clear sentence with its place. */
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Plugin } from '../../../core/api/plugin.js';
import { readConfig } from '../../../core/config/config-file.js';
import type { StandardSchema } from '../../../core/config/standard-schema.js';
import { JackfieldError } from '../../../core/errors.js';
import { createServer } from '../../../core/server.js';
import { defineAdapter } from '../../../core/storage/contract.js';
import { tempFolder } from '../temp-folder.js';

async function refusal(t: ExecutionContext, name: string, content: string | Uint8Array): Promise<string> {
  const cwd = await tempFolder(t);
  await writeFile(path.join(cwd, name), content);
  const error = await t.throwsAsync(readConfig(name, cwd), { instanceOf: JackfieldError });
  return `${error?.code} ${error?.message.slice(error.message.indexOf(': ') + 2).replaceAll(`${cwd}/`, '')}`;
}

const utf16 = (text: string, big = false): Uint8Array => {
  const little = Buffer.from(text, 'utf16le');
  return big ? little.swap16() : little;
};

const JSON_FILES: Readonly<Record<string, readonly [content: string | Uint8Array, sentence: string]>> = {
  '10,000 lists in each other': [
    '['.repeat(10_000) + ']'.repeat(10_000),
    'CONFIG_SYNTAX c.json:1:101: more than 100 values are nested in each other.',
  ],
  '10,000 objects in each other': [
    '{"a":'.repeat(10_000),
    'CONFIG_SYNTAX c.json:1:501: more than 100 values are nested in each other.',
  ],
  'depth in options': [
    `{\n"plugins": [{ "use": "get", "options": ${'['.repeat(2_000)}${']'.repeat(2_000)} }] }`,
    'CONFIG_SYNTAX c.json:2:137: more than 100 values are nested in each other.',
  ],
  'a string of 20 MB and a misspelt key after it': [
    `{ "$schema": "${'a'.repeat(20_000_000)}",\n "prot": 1 }`,
    'CONFIG_INVALID c.json:2:2: unknown key "prot"',
  ],
  '__proto__ at the top': [
    '{ "__proto__": { "listen": {} } }',
    'CONFIG_INVALID c.json:1:3: unknown key "__proto__"',
  ],
  '__proto__ inside': [
    '{ "limits": { "__proto__": { "maxBodyOctets": 1 } } }',
    'CONFIG_INVALID c.json:1:15: unknown key "__proto__" in limits',
  ],
  'constructor and toString': [
    '{ "constructor": 1,\n "toString": 1 }',
    'CONFIG_INVALID c.json:1:3: unknown key "constructor"\nc.json:2:2: unknown key "toString"',
  ],
  'a repeated key': [
    '{ "listen": {},\n  "listen": {} }',
    'CONFIG_INVALID c.json:2:3: the key "listen" occurs twice, first on line 1',
  ],
  'a repeated key, once with an escape': [
    '{ "listen": {},\n  "l\\u0069sten": {} }',
    'CONFIG_INVALID c.json:2:3: the key "listen" occurs twice, first on line 1',
  ],
  'two byte order marks': ['\ufeff\ufeff{}', 'CONFIG_SYNTAX c.json:1:1: "\\ufeff" is not a JSON value.'],
  'lines that end in CR LF': [
    '{\r\n\r\n  "listen": { "port": "x" }\r\n}',
    'CONFIG_INVALID c.json:3:23: listen.port: expected a whole number from 0 to 65535, found "x"',
  ],
  'UTF-16 with a mark': [utf16('\ufeff{}'), 'CONFIG_UNREADABLE c.json is UTF-16 text; save it as UTF-8.'],
  'UTF-16 without a mark': [utf16('{}'), 'CONFIG_UNREADABLE c.json is UTF-16 text; save it as UTF-8.'],
  'big endian UTF-16': [
    utf16('\ufeff{}', true),
    'CONFIG_UNREADABLE c.json is UTF-16 text; save it as UTF-8.',
  ],
  'Latin-1': [
    Buffer.from('{\n  "$schema": "café" }', 'latin1'),
    'CONFIG_UNREADABLE c.json:2:18: this is not UTF-8 text; save it as UTF-8.',
  ],
  'a character cut off at the end of a line': [
    Buffer.concat([Buffer.from('{ "a": "ü'), Buffer.from([0xe2, 0x82, 0x0a])]),
    'CONFIG_UNREADABLE c.json:1:10: this is not UTF-8 text; save it as UTF-8.',
  ],
  'two trailing commas': ['{ "plugins": ["get",,] }', 'CONFIG_SYNTAX c.json:1:21: a value is missing.'],
  'comments everywhere': [
    '/*a*/{/*b*/"listen"/*c*/:/*d*/{/*e*/"port"/*f*/:/*g*/"x"/*h*/}//i\n}//j',
    'CONFIG_INVALID c.json:1:54: listen.port: expected a whole number from 0 to 65535, found "x"',
  ],
  'an open comment': ['{ /* }', 'CONFIG_SYNTAX c.json:1:3: a comment is not closed with "*/".'],
  'NUL in a string': [
    '{ "storage": "a\0" }',
    'CONFIG_SYNTAX c.json:1:14: a string contains a control character; write it as an escape such as "\\t".',
  ],
  'NUL after the value': ['{}\n\0', 'CONFIG_SYNTAX c.json:2:1: "\\u0000" is not a JSON value.'],
  'NUL as an escape': [
    '{ "listen": { "socket": "a\\u0000" } }',
    'CONFIG_INVALID c.json:1:25: listen.socket: expected the path of a Unix socket, found "a\\u0000"',
  ],
  '1e999': [
    '{ "listen": { "port": 1e999 } }',
    'CONFIG_INVALID c.json:1:23: listen.port: expected a whole number from 0 to 65535, found Infinity',
  ],
  'a number above 2^53': [
    '{ "limits": { "maxBodyOctets": 12345678901234567890 } }',
    'CONFIG_INVALID c.json:1:32: limits.maxBodyOctets: expected a whole number of octets from 0 to 1099511627776, found 12345678901234567000',
  ],
  'leading zeros': [
    '{ "listen": { "port": 0080 } }',
    'CONFIG_SYNTAX c.json:1:24: a number must not begin with zeros.',
  ],
  'a port in quotes': [
    '{ "listen": { "port": "80" } }',
    'CONFIG_INVALID c.json:1:23: listen.port: expected a whole number from 0 to 65535, found "80"',
  ],
  'a list instead of an object': [
    '{ "limits": [] }',
    'CONFIG_INVALID c.json:1:13: limits: expected an object with limits, found a list',
  ],
  'an object instead of a list': [
    '{ "plugins": { "0": "get" } }',
    'CONFIG_INVALID c.json:1:14: plugins: expected a list of plugins, found an object',
  ],
  nothing: ['', 'CONFIG_SYNTAX c.json:1:1: the file is empty; the smallest JSON object is {}.'],
  'only a comment': ['// nothing\n', 'CONFIG_SYNTAX c.json:2:1: a value is missing.'],
  null: ['null', 'CONFIG_INVALID c.json:1:1: expected an object { … }, found null'],
  'two values': ['{}\n{}', 'CONFIG_SYNTAX c.json:2:1: there is text after the end of the value.'],
  'typographic quotes': ['{ “listen”: {} }', 'CONFIG_SYNTAX c.json:1:3: strings need double quotes.'],
  backticks: ['{ "storage": `lru` }', 'CONFIG_SYNTAX c.json:1:14: strings need double quotes.'],
  'a no-break space': ['{\u00a0}', 'CONFIG_SYNTAX c.json:1:2: "\\u00a0" is not a JSON value.'],
  'a key of 5,000 letters': [
    `{ "${'k'.repeat(5_000)}": 1 }`,
    `CONFIG_INVALID c.json:1:3: unknown key "${'k'.repeat(59)}…"`,
  ],
  YAML: ['listen:\n  port: 80\n', 'CONFIG_SYNTAX c.json:1:1: the key listen needs double quotes: "listen".'],
  'a reference in a key': ['{ "${env:A}": 1 }', 'CONFIG_INVALID c.json:1:3: unknown key "${env:A}"'],
  'a reference inside a reference': [
    '{ "storage": "${env:A:-${env:B}}" }',
    'CONFIG_INVALID c.json:1:14: the default of A cannot be a variable itself',
  ],
  'malformed references': [
    '{ "storage": "${env:}",\n"listen": { "host": "${env:A" } }',
    'CONFIG_INVALID c.json:1:14: "${env:}" is not "${env:NAME}" or "${env:NAME:-default}"\n' +
      'c.json:2:21: "${env:A" is not "${env:NAME}" or "${env:NAME:-default}"',
  ],
  'names that every object inherits are not variables': [
    '{ "storage": "${env:constructor}", "listen": { "host": "${env:__proto__}" } }',
    'CONFIG_ENV_MISSING c.json:1:14: constructor. Set it, or write "${env:constructor:-default}".\n' +
      'c.json:1:56: __proto__. Set it, or write "${env:__proto__:-default}".',
  ],
};

for (const [title, [content, sentence]] of Object.entries(JSON_FILES)) {
  test(`JSON: ${title}`, async (t) => t.is(await refusal(t, 'c.json', content), sentence));
}

test('only the first fifty faults are reported', async (t) => {
  const keys = Array.from({ length: 500 }, (_, at) => `"k${at}": 1`);
  const lines = (await refusal(t, 'c.json', `{ ${keys.join(',\n')} }`)).split('\n');
  t.is(lines.length, 51);
  t.is(lines[49], 'c.json:50:1: unknown key "k49"');
  t.is(lines[50], 'and 450 more');
});

test('-0 is 0, and a trailing comma, a byte order mark and comments are allowed', async (t) => {
  const cwd = await tempFolder(t, {
    'c.json': '\ufeff// a\r\n{ "listen": { "port": -0, }, /* b */ "plugins": ["get",], }',
  });
  const { config } = await readConfig('c.json', cwd);
  t.deepEqual(config, { listen: { port: -0 }, plugins: ['get'] });
});

test('a folder and a link to itself are reported', async (t) => {
  const cwd = await tempFolder(t);
  await symlink('loop.json', path.join(cwd, 'loop.json'));
  await t.throwsAsync(readConfig('loop.json', cwd), { code: 'CONFIG_UNREADABLE', message: /loop\.json/ });
  await t.throwsAsync(readConfig('.', cwd), {
    code: 'CONFIG_UNREADABLE',
    message: /is a folder, not a file/,
  });
});

const OBJECT = 'expected an object { … }';
const MODULES: Readonly<Record<string, readonly [content: string, sentence: string]>> = {
  'it throws': ['\nthrow new Error("boom");', 'CONFIG_UNREADABLE c.mjs, thrown at c.mjs:2:7: boom'],
  'it throws undefined': ['throw undefined;', 'CONFIG_UNREADABLE c.mjs: undefined'],
  'it exports nothing': [
    'const a = 1;',
    'CONFIG_INVALID c.mjs has no default export; write "export default { … }" with the configuration.',
  ],
  'a promise is awaited': [
    'export default Promise.resolve({ pluggins: [] });',
    'CONFIG_INVALID c.mjs: unknown key "pluggins"; did you mean "plugins"?',
  ],
  'a promise that is rejected': [
    'export default Promise.reject(new Error("no"));',
    'CONFIG_UNREADABLE c.mjs, thrown at c.mjs:1:31: the exported promise was rejected: no',
  ],
  'a function that throws': [
    'export default () => {\n  throw new Error("no");\n};',
    'CONFIG_UNREADABLE c.mjs, thrown at c.mjs:2:9: the exported function failed: no',
  ],
  'a function that returns nothing': [
    'export default () => {};',
    `CONFIG_INVALID c.mjs: ${OBJECT}, found nothing`,
  ],
  'a syntax error': [
    'export default {\n  listen: { port 0 },\n};',
    'CONFIG_UNREADABLE c.mjs:2:18: Unexpected number',
  ],
  'it is cut off': [
    'export default {\n  listen: { port: 0 },\n',
    'CONFIG_UNREADABLE c.mjs:3:1: Unexpected end of input',
  ],
  'a missing import': [
    'import "./missing.mjs";\nexport default {};',
    "CONFIG_UNREADABLE c.mjs: Cannot find module 'missing.mjs' imported from c.mjs",
  ],
  null: ['export default null;', `CONFIG_INVALID c.mjs: ${OBJECT}, found null`],
  'a Map': ['export default new Map([["listen", {}]]);', `CONFIG_INVALID c.mjs: ${OBJECT}, found a Map`],
  'nested Maps': [
    'export default { listen: new Map(), limits: new Map(), plugins: [new Map()] };',
    `CONFIG_INVALID c.mjs: plugins[0].use: expected a plugin: a name, a path, an object with a setup function, or a class, found nothing\n` +
      `c.mjs: listen: ${OBJECT}, found a Map\nc.mjs: plugins[0]: ${OBJECT}, found a Map\nc.mjs: limits: ${OBJECT}, found a Map`,
  ],
  'a getter that throws': [
    'export default { get listen() { throw new Error("no"); } };',
    'CONFIG_UNREADABLE c.mjs, thrown at c.mjs:1:39: no',
  ],
  'an object that contains itself': [
    'const a = {}; a.listen = a; export default a;',
    'CONFIG_INVALID c.mjs: unknown key "listen" in listen',
  ],
};

for (const [title, [content, sentence]] of Object.entries(MODULES)) {
  test(`module: ${title}`, async (t) => t.is(await refusal(t, 'c.mjs', content), sentence));
}

test('errors of CommonJS modules have line and column too', async (t) => {
  t.is(
    await refusal(t, 'c.cjs', 'module.exports = {\n  a b\n};'),
    "CONFIG_UNREADABLE c.cjs:2:5: Unexpected identifier 'b'",
  );
});

// Schemas of plugins and adapters that break the standard

const path1 = (...segments: unknown[]): unknown => ({ issues: [{ message: 'wrong', path: segments }] });
const NO_WORDS = 'is not valid; the schema gives no reason';
const SCHEMAS: Readonly<
  Record<string, readonly [answer: () => unknown, options: 'INVALID' | 'OPTIONS_INVALID', sentence: string]>
> = {
  'it throws': [
    () => {
      throw new Error('boom');
    },
    'INVALID',
    'failed: boom',
  ],
  'it rejects': [() => Promise.reject(new Error('boom')), 'INVALID', 'failed: boom'],
  'it returns nothing': [() => undefined, 'INVALID', 'failed: it returned no result'],
  'it returns a string': [() => 'fine', 'INVALID', 'failed: it returned no result'],
  'issues that are not a list': [
    () => ({ issues: 'bad' }),
    'INVALID',
    'failed: it returned issues that are not a list',
  ],
  'an empty list of issues': [() => ({ issues: [] }), 'OPTIONS_INVALID', NO_WORDS],
  'an issue that is null': [() => ({ issues: [null] }), 'OPTIONS_INVALID', NO_WORDS],
  'an issue that is a string': [() => ({ issues: ['bad'] }), 'OPTIONS_INVALID', NO_WORDS],
  'a message that is a number': [() => ({ issues: [{ message: 5 }] }), 'OPTIONS_INVALID', NO_WORDS],
  'a path that is a string': [
    () => ({ issues: [{ message: 'wrong', path: 'a.b' }] }),
    'OPTIONS_INVALID',
    'wrong',
  ],
  'a path of symbols': [() => path1('a', Symbol('s')), 'OPTIONS_INVALID', '.a["Symbol(s)"]: wrong'],
  'a path of objects': [() => path1({ key: 'a' }, { key: 0 }), 'OPTIONS_INVALID', '.a[0]: wrong'],
  'a path of empty values': [() => path1(null, undefined, {}, 'a'), 'OPTIONS_INVALID', '.a: wrong'],
  'a union without forms': [
    () => ({ issues: [{ message: 'wrong', code: 'invalid_union', errors: [5, [null]] }] }),
    'OPTIONS_INVALID',
    'wrong',
  ],
  'keys that are not strings': [
    () => ({ issues: [{ message: 'wrong', code: 'unrecognized_keys', keys: [{}, Symbol('k')] }] }),
    'OPTIONS_INVALID',
    'unknown key "[object Object]"',
  ],
};

function schemaThat(answer: () => unknown): StandardSchema<unknown, unknown> {
  // The types forbid such answers.
  return { '~standard': { version: 1, vendor: 'test', validate: answer as () => never } };
}

for (const [title, [answer, code, sentence]] of Object.entries(SCHEMAS)) {
  test(`a schema of options: ${title}`, async (t) => {
    const plugin: Plugin = { name: 'p', options: schemaThat(answer), setup: () => t.fail('It was set up.') };
    const error = await t.throwsAsync(createServer({ storage: 'memory', plugins: [plugin] }).ready(), {
      instanceOf: JackfieldError,
      code: `PLUGIN_${code}`,
    });
    t.true(error?.message.includes(sentence), error?.message);
    const adapter = defineAdapter({
      name: 'a',
      options: schemaThat(answer),
      create: () => {
        throw new Error('It was made.');
      },
    });
    const refused = await t.throwsAsync(createServer({ storage: { adapter }, plugins: [] }).ready(), {
      instanceOf: JackfieldError,
      code: `ADAPTER_${code}`,
    });
    t.true(refused?.message.includes(sentence), refused?.message);
  });
}
