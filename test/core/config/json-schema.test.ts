/** `jackfield schema`, checked with an independent validator. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'jsonc-parser';
import { readConfig } from '../../../core/config/config-file.js';
import { jsonSchemaOf } from '../../../core/config/json-schema.js';
import { ROOT, readText } from '../../repository.js';
import { ran } from '../cli/around.js';
import { tempFolder } from '../temp-folder.js';

async function schemaIn(
  t: ExecutionContext,
  cwd: string,
  ...argv: readonly string[]
): Promise<ValidateFunction> {
  const { code, stdout, stderr } = await ran(['schema', '--json', ...argv], cwd);
  t.deepEqual([code, stderr], [0, '']);
  const ajv = new Ajv({ allErrors: true });
  // Its types describe the module as CommonJS sees it.
  formats.default(ajv);
  return ajv.compile(JSON.parse(stdout));
}

function refused(t: ExecutionContext, validate: ValidateFunction, value: unknown): void {
  t.false(validate(value), JSON.stringify(value));
}

function taken(t: ExecutionContext, validate: ValidateFunction, value: unknown): void {
  t.true(validate(value), `${JSON.stringify(value)}: ${JSON.stringify(validate.errors)}`);
}

test('the default configuration and those of all examples are valid, and a misspelt key in each is not', async (t) => {
  const examples = await readdir(path.join(ROOT, 'examples'), { withFileTypes: true });
  const files = ['jackfield.config.json'];
  for (const { name } of examples.filter((entry) => entry.isDirectory())) {
    const file = `examples/${name}/jackfield.config.json`;
    if ((await readdir(path.join(ROOT, 'examples', name))).includes('jackfield.config.json'))
      files.push(file);
  }
  t.true(files.length > 3);
  for (const file of files) {
    const validate = await schemaIn(t, ROOT, '--config', file);
    const config = parse(await readText(file)) as Record<string, unknown>;
    taken(t, validate, config);
    refused(t, validate, { ...config, pluggins: [] });
    refused(t, validate, { ...config, listen: { prot: 1 } });
  }
});

test('options of built-in plugins and adapters are checked: typos and wrong types are refused', async (t) => {
  const validate = await schemaIn(t, await tempFolder(t));
  taken(t, validate, {
    plugins: ['get', { use: 'end', options: { from: 'anywhere' } }, { use: 'get', as: 'g2', prefix: '/x' }],
  });
  taken(t, validate, { storage: 'memory' });
  taken(t, validate, { storage: { adapter: 'lru', options: { maxEntries: 5 } } });
  taken(t, validate, { $schema: './jackfield.schema.json' });
  for (const plugin of [
    'gte',
    { use: 'gte' },
    { use: 'end', options: { form: 'anywhere' } },
    { use: 'end', options: { from: 'everywhere' } },
    { use: 'get', options: { a: 1 } },
    { use: 'get', option: {} },
    { use: 'get', prefix: 1 },
    {},
  ])
    refused(t, validate, { plugins: [plugin] });
  for (const storage of [
    'memroy',
    { adapter: 'lru', options: { maxEntires: 5 } },
    { adapter: 'lru', options: { maxEntries: '5' } },
    { adapter: 'memory', options: { path: 'a' } },
  ])
    refused(t, validate, { storage });
});

test('an environment variable is accepted in place of any value', async (t) => {
  const validate = await schemaIn(t, await tempFolder(t));
  taken(t, validate, {
    listen: { port: '${env:PORT:-8080}', sharedReadBuffer: '${env:FAST}' },
    limits: { maxBodyOctets: '${env:BODY}' },
    storage: { adapter: '${env:STORE}', options: { maxEntries: '${env:MANY}' } },
    plugins: ['${env:PLUGIN}', { use: 'end', options: { from: '${env:FROM}' } }],
  });
  refused(t, validate, { listen: { port: '8080' } });
  refused(t, validate, { listen: { port: '${env:NOT GOOD}' } });
});

const PACKAGE = (name: string, more = {}) =>
  JSON.stringify({ name, version: '1.2.3', type: 'module', ...more });

test('plugins from files and installed packages are included, with their descriptions and required options', async (t) => {
  const zod = JSON.stringify(path.join(ROOT, 'node_modules/zod/index.js'));
  const plugin = (name: string, schema: string) =>
    `import { z } from ${zod};\nexport default { name: '${name}', options: ${schema}, setup() {} };`;
  const cwd = await tempFolder(t, {
    'package.json': '{ "type": "module" }',
    'jackfield.config.json': '{ "plugins": [{ "use": "./p.js", "options": { "size": 1 } }] }',
    'p.js': plugin('p', "z.strictObject({ size: z.int().describe('In octets.') })"),
    'open.js':
      "export default { name: 'open', options: { '~standard': { version: 1, vendor: 'hand', validate: (value) => ({ value }) } }, setup() {} };",
    'node_modules/jackfield-plugin-audit/package.json': PACKAGE('jackfield-plugin-audit', {
      exports: './i.js',
    }),
    'node_modules/jackfield-plugin-audit/i.js': `import { z } from ${zod};
       const node = z.strictObject({ get next() { return node.optional(); } });
       export default { name: 'audit', options: z.strictObject({ tree: node.optional() }), setup() {} };`,
    'node_modules/@acme/tracer/package.json': PACKAGE('@acme/tracer', {
      exports: './i.js',
      keywords: ['jackfield-plugin'],
    }),
    'node_modules/@acme/tracer/i.js': "export default { name: 'tracer', setup() {} };",
    'node_modules/else/package.json': PACKAGE('else'),
  });
  const validate = await schemaIn(t, cwd);
  taken(t, validate, {
    plugins: [{ use: './p.js', options: { size: 1 } }, './else.js', '../there.js', '/abs.js'],
  });
  taken(t, validate, { plugins: ['audit', 'jackfield-plugin-audit', '@acme/tracer'] });
  taken(t, validate, { plugins: [{ use: 'audit', options: { tree: { next: { next: {} } } } }] });
  refused(t, validate, { plugins: [{ use: 'audit', options: { tree: { next: { nxet: {} } } } }] });
  refused(t, validate, { plugins: [{ use: 'jackfield-plugin-audit', options: { tere: {} } }] });
  refused(t, validate, { plugins: [{ use: '@acme/tracer', options: { a: 1 } }] });
  refused(t, validate, { plugins: ['else'] });
  refused(t, validate, { plugins: [{ use: './p.js', options: { size: 'big' } }] });
  // It has a required option.
  refused(t, validate, { plugins: [{ use: './p.js' }] });
  const { stdout } = await ran(['schema', '--json'], cwd);
  const { definitions } = JSON.parse(stdout);
  t.is(definitions['plugin ./p.js'].properties.size.description, 'In octets.');
});

test('if a schema does not describe itself, any options are allowed', (t) => {
  const open = { '~standard': { version: 1, vendor: 'hand', validate: () => ({}) } };
  const schema = jsonSchemaOf(
    [{ references: ['hand'], options: open }],
    [{ references: ['mem'], options: null }],
  );
  const validate = new Ajv().compile(schema);
  taken(t, validate, { plugins: ['hand', { use: 'hand', options: { any: ['thing'] } }] });
  taken(t, validate, { storage: { adapter: 'mem', options: { any: 'thing' } } });
});

test('a Standard Schema that provides a JSON Schema is used', (t) => {
  const own = {
    '~standard': {
      version: 1,
      vendor: 'hand',
      validate: () => ({}),
      jsonSchema: {
        input: ({ target }: { target: string }) => ({
          $schema: target,
          type: 'object',
          properties: { a: { type: 'number' } },
          additionalProperties: false,
        }),
      },
    },
  };
  const validate = new Ajv().compile(jsonSchemaOf([{ references: ['hand'], options: own }], []));
  taken(t, validate, { plugins: [{ use: 'hand', options: { a: 1 } }] });
  refused(t, validate, { plugins: [{ use: 'hand', options: { b: 1 } }] });
});

test('the file is written beside the configuration or to the given path, and the configuration may refer to it', async (t) => {
  const cwd = await tempFolder(t, {
    'conf/jackfield.config.json': '{ "$schema": "./jackfield.schema.json" }',
  });
  t.deepEqual(await ran(['schema', '--config', 'conf/jackfield.config.json'], cwd), {
    code: 0,
    stdout:
      'conf/jackfield.schema.json was written; put "$schema": "./jackfield.schema.json" into the configuration.\n',
    stderr: '',
  });
  const written = JSON.parse(await readFile(path.join(cwd, 'conf/jackfield.schema.json'), 'utf8'));
  t.is(written.title, 'Configuration of jackfield');
  t.is(written.$schema, 'http://json-schema.org/draft-07/schema#');
  await t.notThrowsAsync(readConfig('conf/jackfield.config.json', cwd));
  const { stdout } = await ran(
    ['schema', '--config', 'conf/jackfield.config.json', '--output', 'all.json'],
    cwd,
  );
  t.is(stdout, 'all.json was written; put "$schema": "../all.json" into the configuration.\n');
});

test('a plugin that cannot be loaded is reported, and any options are allowed', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "plugins": ["./no.js"] }' });
  const { code, stdout, stderr } = await ran(['schema', '--json'], cwd);
  t.is(code, 0);
  t.regex(
    stderr,
    /^jackfield: the options of "\.\/no\.js" are not in the schema, because it cannot be loaded:\njackfield: No such plugin: "\.\/no\.js"\. There is no file .* \[PLUGIN_UNKNOWN\]\n$/,
  );
  taken(t, new Ajv().compile(JSON.parse(stdout)), { plugins: [{ use: './no.js', options: { a: 1 } }] });
});

test('every option of a built-in plugin has a description in the schema', async (t) => {
  const { stdout } = await ran(['schema', '--json'], await tempFolder(t));
  const { definitions } = JSON.parse(stdout) as { definitions: Record<string, { properties?: object }> };
  const options = Object.entries(definitions).flatMap(([name, { properties = {} }]) =>
    name.startsWith('plugin ')
      ? Object.entries(properties).map(([option, told]) => ({ option: `${name}: ${option}`, told }))
      : [],
  );
  t.true(options.length > 30);
  const without = options.filter(({ told }) => typeof Reflect.get(told, 'description') !== 'string');
  t.deepEqual(
    without.map(({ option }) => option),
    [],
  );
});
