/** `${env:NAME}` in a configuration file. */
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readConfig } from '../../../core/config/config-file.js';
import { resolveEnvironment } from '../../../core/config/environment.js';
import { createServer } from '../../../core/server.js';
import { tempFolder } from '../temp-folder.js';

/** Variables for these tests; AVA runs each file in its own process. */
Object.assign(process.env, {
  JF_PORT: '8081',
  JF_TRUE: 'true',
  JF_SECRET: 'open-sesame-42',
  JF_NUMBER: '42',
  JF_EMPTY: '',
});

async function read(t: ExecutionContext, config: unknown, files: Readonly<Record<string, string>> = {}) {
  const cwd = await tempFolder(t, { 'jackfield.config.json': JSON.stringify(config), ...files });
  return readConfig(undefined, cwd);
}

test('references are replaced by the values of variables, in all strings except keys', async (t) => {
  const { value } = resolveEnvironment(
    { a: 'x${env:A}y${env:B}', list: ['${env:A}', { deep: '${env:B}' }], '${env:A}': 1 },
    { A: 'one', B: 'two' },
    () => '',
  );
  t.deepEqual(value, { a: 'xoneytwo', list: ['one', { deep: 'two' }], '${env:A}': 1 });
});

test('a default replaces a variable that is empty or not set; without a default, an empty value is used', async (t) => {
  const { value } = resolveEnvironment(
    ['${env:NONE:-a b}', '${env:EMPTY:-c}', '${env:NONE:-}', '${env:EMPTY}', '${env:SET:-d}'],
    { EMPTY: '', SET: 's' },
    () => '',
  );
  t.deepEqual(value, ['a b', 'c', '', '', 's']);
});

test('a doubled dollar sign escapes a reference, and other dollar signs and braces are unchanged', async (t) => {
  const { value } = resolveEnvironment(
    ['$${env:A}', '$${env:A}${env:A}', '${A}', '$env:A', '{env:A}'],
    { A: '1' },
    () => '',
  );
  t.deepEqual(value, ['${env:A}', '${env:A}1', '${A}', '$env:A', '{env:A}']);
});

test('references inside a value of a variable are not replaced', (t) => {
  const { value } = resolveEnvironment('${env:A}', { A: '${env:B} $& $1', B: 'no' }, () => '');
  t.is(value, '${env:B} $& $1');
});

test('every missing variable is reported on its own line, with its place', async (t) => {
  await t.throwsAsync(read(t, { storage: '${env:JF_NO_A}', allowedHosts: ['x', '${env:JF_NO_B}'] }), {
    code: 'CONFIG_ENV_MISSING',
    message:
      'The configuration needs an environment variable that is not set: jackfield.config.json:1:12: JF_NO_A. Set it, or write "${env:JF_NO_A:-default}".\n' +
      'jackfield.config.json:1:49: JF_NO_B. Set it, or write "${env:JF_NO_B:-default}".',
  });
});

test('a string that is one variable becomes a number or a boolean if only that is valid', async (t) => {
  const { config } = await read(t, {
    listen: { port: '${env:JF_PORT}', sharedReadBuffer: '${env:JF_TRUE}', host: '${env:JF_NO:-127.0.0.1}' },
    limits: { maxBodyOctets: '${env:JF_NO:-42}' },
  });
  t.deepEqual(config, {
    listen: { port: 8081, sharedReadBuffer: true, host: '127.0.0.1' },
    limits: { maxBodyOctets: 42 },
  });
});

test('a variable stays a string if a string is valid, and an invalid value is refused without showing it', async (t) => {
  const { config } = await read(t, { allowedHosts: ['${env:JF_NUMBER}'] });
  t.deepEqual(config, { allowedHosts: ['42'] });
  await t.throwsAsync(read(t, { listen: { port: '${env:JF_SECRET}' } }), {
    code: 'CONFIG_INVALID',
    message:
      'The configuration is not valid: jackfield.config.json:1:19: listen.port: expected a whole number from 0 to 65535, found ${env:JF_SECRET}',
  });
  await t.throwsAsync(read(t, { listen: { port: '8${env:JF_NUMBER}' } }), {
    message: /expected a whole number from 0 to 65535, found 8\$\{env:JF_NUMBER\}$/,
  });
});

test('variables in options become numbers if the schema requires it, with any schema library', async (t) => {
  const files = {
    'package.json': '{ "type": "module" }',
    'p.js': `export default {
      name: 'p',
      // A Standard Schema without a library, which requires a number and a string.
      options: { '~standard': { version: 1, vendor: 'hand', validate(value) {
        const issues = [];
        if (typeof value.size !== 'number') issues.push({ message: 'a number, not ' + value.size, path: ['size'] });
        if (typeof value.text !== 'string') issues.push({ message: 'a string', path: ['text'] });
        return issues.length > 0 ? { issues } : { value };
      } } },
      setup({ handle, options }) { handle('GET', '/', () => ({ json: options })); },
    };`,
  };
  const { config, source } = await read(
    t,
    {
      storage: { adapter: 'lru', options: { maxEntries: '${env:JF_NUMBER}' } },
      plugins: [{ use: './p.js', options: { size: '${env:JF_NUMBER}', text: '${env:JF_NUMBER}' } }],
    },
    files,
  );
  const server = createServer(config, { source });
  t.teardown(() => server.close());
  t.deepEqual((await server.inject()).json(), { size: 42, text: '42' });
});

test('an error of a schema does not show values from the environment', async (t) => {
  const files = {
    'package.json': '{ "type": "module" }',
    'p.js': `export default {
      name: 'p',
      options: { '~standard': { version: 1, vendor: 'hand', validate: (value) => ({ issues: [{ message: 'no ' + value.key, path: ['key'] }] }) } },
      setup() {},
    };`,
  };
  const plugins = [{ use: './p.js', options: { key: 'Bearer ${env:JF_SECRET}' } }];
  const { config, source } = await read(t, { storage: 'memory', plugins }, files);
  const error = await t.throwsAsync(createServer(config, { source }).ready(), {
    code: 'PLUGIN_OPTIONS_INVALID',
  });
  t.false(error?.message.includes('open-sesame'), error?.message);
  t.true(
    error?.message.endsWith('plugins[0].options.key: no Bearer Bearer ${env:JF_SECRET}'),
    error?.message,
  );
});

test('a module reads process.env itself, so nothing in it is replaced', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.mjs':
      'export default { allowedHosts: [process.env.JF_NUMBER], $schema: "${env:JF_NUMBER}" };',
  });
  const { config } = await readConfig(path.join(cwd, 'jackfield.config.mjs'), cwd);
  t.deepEqual(config, { allowedHosts: ['42'], $schema: '${env:JF_NUMBER}' });
});
