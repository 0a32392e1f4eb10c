import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { inject } from '../../../core/container.js';
import { JackfieldError } from '../../../core/errors.js';
import { listBuiltIn } from '../../../core/extensions/find-extension.js';
import { type Log, silentLog } from '../../../core/log.js';
import { createServer } from '../../../core/server.js';
import type { AdapterClass, AdapterContext } from '../../../core/storage/contract.js';
import { ADAPTERS, asDefinition, findAdapter } from '../../../core/storage/find-adapter.js';
import { TOKENS } from '../../../core/tokens.js';
import memory, { MemoryAdapter } from '../../../storage-adapters/memory.js';

const DEFINITION = 'export default { name: "mine", create() {} };\n';

let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jackfield-find-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

async function file(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

async function aPackage(name: string, manifest: object, text = DEFINITION, main = 'index.js'): Promise<void> {
  await file(`node_modules/${name}/package.json`, JSON.stringify({ name, ...manifest }));
  await file(`node_modules/${name}/${main}`, text);
}

const find = (reference: string, at = '') => findAdapter(reference, { folder, locate: () => at });

async function errorOf(reference: string, at = ''): Promise<JackfieldError> {
  const error: unknown = await find(reference, at).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof JackfieldError) return error;
  throw new Error(`no JackfieldError for ${reference}: ${String(error)}`);
}

test('built-in adapters are found by their file name', async (t) => {
  t.true(Object.is(await find('memory'), memory));
  t.is((await find('lru')).name, 'lru');
  const names = await listBuiltIn(ADAPTERS);
  t.deepEqual(names, names.toSorted());
  for (const name of ['json-file', 'lru', 'memory']) t.true(names.includes(name), name);
});

test('every built-in adapter has the name of its file', async (t) => {
  for (const name of await listBuiltIn(ADAPTERS)) t.is((await find(name)).name, name);
});

test('a path is relative to the folder of the configuration', async (t) => {
  await file('adapters/mine.mjs', DEFINITION);
  t.is((await find('./adapters/mine.mjs')).name, 'mine');
  t.is((await find(join(folder, 'adapters/mine.mjs'))).name, 'mine');
});

test('a package is resolved from the folder, first as jackfield-adapter-NAME', async (t) => {
  await aPackage('both', { type: 'module' });
  await aPackage('jackfield-adapter-both', { type: 'module' }, DEFINITION.replace('mine', 'prefixed'));
  await aPackage('@scope/store', { type: 'module' });
  t.is((await find('both')).name, 'prefixed');
  t.is((await find('@scope/store')).name, 'mine');
});

test('a package that can only be imported is found', async (t) => {
  const exports = {
    '.': { types: './index.d.ts', import: { browser: './no.js', default: './lib/main.js' } },
  };
  await aPackage('import-only', { type: 'module', exports }, DEFINITION, 'lib/main.js');
  t.is((await find('import-only')).name, 'mine');
});

test('a CommonJS package is found, even if compiled from `export default`', async (t) => {
  await aPackage('common', {}, 'module.exports = { name: "common", create() {} };');
  await aPackage(
    'compiled',
    {},
    'exports.__esModule = true; exports.default = { name: "compiled", create() {} };',
  );
  t.is((await find('common')).name, 'common');
  t.is((await find('compiled')).name, 'compiled');
});

test('the error for an unknown name has its place, a suggestion and the built-in names', async (t) => {
  const { code, message } = await errorOf('memroy', 'jackfield.config.json:3:27');
  t.is(code, 'ADAPTER_UNKNOWN');
  t.true(message.includes('"memroy" at jackfield.config.json:3:27. Did you mean "memory"?'), message);
  t.regex(message, /Built-in names: json-file, .*memory/);
  t.true(message.includes('jackfield-adapter-memroy'));
});

test('an invalid name never reaches the file system', async (t) => {
  await file('outside.js', DEFINITION);
  for (const name of [
    '',
    '..',
    'x/../../outside',
    'memory/../lru',
    'a b',
    'node_modules\\both',
    '\0',
    'file:x',
  ]) {
    t.is((await errorOf(name)).code, 'ADAPTER_UNKNOWN', name);
  }
});

test('the error for a missing file has its full path', async (t) => {
  const { code, message } = await errorOf('./nowhere.js');
  t.is(code, 'ADAPTER_UNKNOWN');
  t.true(message.includes(join(folder, 'nowhere.js')), message);
});

test('a module that fails during its import is ADAPTER_INVALID with the reason', async (t) => {
  await file('throws.mjs', 'throw new Error("out of order");');
  await file('syntax.mjs', 'export default {');
  const { code, message, cause } = await errorOf('./throws.mjs');
  t.is(code, 'ADAPTER_INVALID');
  t.true(message.includes('out of order'), message);
  t.true(cause instanceof Error);
  t.is((await errorOf('./syntax.mjs')).code, 'ADAPTER_INVALID');
});

test('the error for a missing driver has the command that installs it', async (t) => {
  await aPackage('jackfield-adapter-far', { type: 'module' }, `import '@far/driver/sub';\n${DEFINITION}`);
  await aPackage('near', {}, 'require("near-driver");');
  for (const [name, driver] of [
    ['far', '@far/driver'],
    ['near', 'near-driver'],
  ] as const) {
    const { code, message } = await errorOf(name);
    t.is(code, 'ADAPTER_INVALID');
    t.true(message.includes(`npm install ${driver}"`), message);
  }
});

test('a missing file of the adapter itself is not reported as a missing package', async (t) => {
  await file('half.mjs', `import './other-half.js';\n${DEFINITION}`);
  const { code, message } = await errorOf('./half.mjs');
  t.is(code, 'ADAPTER_INVALID');
  t.false(message.includes('npm install'), message);
});

test('a default export without name or create is ADAPTER_INVALID', async (t) => {
  for (const [name, text] of Object.entries({
    none: 'export const adapter = 1;',
    nameless: 'export default { create() {} };',
    createless: 'export default { name: "x" };',
    optionless: 'export default { name: "x", options: { path: "string" }, create() {} };',
    null: 'export default null;',
  })) {
    await file(`${name}.mjs`, text);
    t.is((await errorOf(`./${name}.mjs`)).code, 'ADAPTER_INVALID', name);
  }
});

class Shelf extends MemoryAdapter {
  static readonly adapter = { name: 'shelf', options: z.strictObject({ label: z.string() }) };

  constructor(
    @inject(TOKENS.options) readonly options: { readonly label: string },
    @inject(TOKENS.context) readonly context: AdapterContext,
    @inject(TOKENS.log) readonly log: Log,
  ) {
    super();
  }
}

test('a class is an adapter and gets the services that its constructor names', async (t) => {
  const { name, options, create } = asDefinition(Shelf, 'the object');
  t.is(name, 'shelf');
  t.is(options, Shelf.adapter.options);
  const context = { folder, log: silentLog };
  const shelf = create({ label: 'top' }, context) as Shelf;
  t.deepEqual([shelf.options, shelf.context, shelf.log], [{ label: 'top' }, context, silentLog]);
});

test('a server keeps its entries in an adapter that is a class', async (t) => {
  const server = createServer({
    storage: { adapter: Shelf, options: { label: 'top' } },
    plugins: ['post', 'create', 'get'],
  });
  await server.inject({ method: 'POST', target: '/create', body: 'a: 1' });
  t.regex((await server.inject({ target: '/' })).text, /a:1/);
  t.is(server.storage?.name, 'memory');
  await server.close();
});

test('a class adapter without a name, or with a parameter without a token, is refused', async (t) => {
  t.throws(() => asDefinition(class {}, 'the object'), {
    code: 'ADAPTER_INVALID',
    message:
      /the object is a function or a class without a name\. Give the class a static "adapter" with a name\.$/,
  });
  class Mute {
    static readonly adapter = { name: 'mute' };
    constructor(readonly options: object) {}
  }
  const server = createServer({ storage: { adapter: Mute as unknown as AdapterClass }, plugins: [] });
  await t.throwsAsync(server.ready(), {
    code: 'ADAPTER_INVALID',
    message: /"mute" could not be created.*: parameter 1 of its constructor has no token/,
  });
});
