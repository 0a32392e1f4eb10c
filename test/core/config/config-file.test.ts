import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readConfig } from '../../../core/config/config-file.js';
import { DEFAULT_CONFIG } from '../../../core/config/server-config.js';
import { JackfieldError } from '../../../core/errors.js';
import { tempFolder } from '../temp-folder.js';

async function refusal(t: ExecutionContext, given: string | undefined, cwd: string): Promise<string> {
  const error = await t.throwsAsync(readConfig(given, cwd), { instanceOf: JackfieldError });
  return `${error?.code} ${error?.message}`;
}

test('without a file the built-in configuration is used, in the current folder', async (t) => {
  const cwd = await tempFolder(t);
  const { config, source, file } = await readConfig(undefined, cwd);
  t.deepEqual(config as unknown, DEFAULT_CONFIG);
  t.is(source.folder, cwd);
  t.is(source.locate(['listen']), '');
  t.is(file, undefined);
});

test('jackfield.config.json in the current folder is found', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "listen": { "port": 8080 } }' });
  const { config, source, file } = await readConfig(undefined, cwd);
  t.deepEqual(config, { listen: { port: 8080 } });
  t.is(file, 'jackfield.config.json');
  t.is(source.locate(['listen', 'port']), 'jackfield.config.json:1:23');
});

test('if there are several files, .json comes before .js before .mjs', async (t) => {
  const files = {
    'jackfield.config.json': '{ "storage": "json" }',
    'jackfield.config.js': 'module.exports = { storage: "js" };',
    'jackfield.config.mjs': 'export default { storage: "mjs" };',
  };
  const names = Object.keys(files) as (keyof typeof files)[];
  for (const [index, extension] of ['json', 'js', 'mjs'].entries()) {
    const left = Object.fromEntries(names.slice(index).map((name) => [name, files[name]]));
    const { config } = await readConfig(undefined, await tempFolder(t, left));
    t.is(config.storage, extension);
  }
});

test('a named file is read from its path, and relative paths start at its folder', async (t) => {
  const cwd = await tempFolder(t, { 'conf/dev.json': '{ "listen": {} }' });
  const { source, file } = await readConfig('conf/dev.json', cwd);
  t.is(source.folder, path.join(cwd, 'conf'));
  t.is(file, path.join('conf', 'dev.json'));
  t.is(source.locate(['listen']), `${path.join('conf', 'dev.json')}:1:13`);
});

test('a file outside of the current folder has its absolute path in messages', async (t) => {
  const cwd = await tempFolder(t, { 'dev.json': '{}', 'inside/x': '' });
  const { file } = await readConfig('../dev.json', path.join(cwd, 'inside'));
  t.is(file, path.join(cwd, 'dev.json'));
});

test('a byte order mark is ignored', async (t) => {
  const cwd = await tempFolder(t, { 'a.json': '\uFEFF{ "storage": "lru" }' });
  const { config, source } = await readConfig('a.json', cwd);
  t.deepEqual(config, { storage: 'lru' });
  t.is(source.locate(['storage']), 'a.json:1:14');
});

test('a module may export the configuration, a function or an async function', async (t) => {
  const cwd = await tempFolder(t, {
    'object.mjs': 'export default { storage: "lru" };',
    'function.mjs': 'export default () => ({ storage: "lru" });',
    'async.mjs': 'export default async () => ({ storage: "lru" });',
    'common.cjs': 'module.exports = { storage: "lru" };',
  });
  for (const name of ['object.mjs', 'function.mjs', 'async.mjs', 'common.cjs']) {
    const { config, source, file } = await readConfig(name, cwd);
    t.deepEqual(config, { storage: 'lru' }, name);
    t.is(source.locate(['storage']), name);
    t.is(file, name);
  }
});

test('plugins that a module exports as objects keep their identity', async (t) => {
  const cwd = await tempFolder(t, {
    'a.mjs': `export class Shout { setup() {} }
      export const quiet = { name: 'quiet', setup() {} };
      export default { plugins: [Shout, quiet, { use: Shout, options: { mark: '!' } }] };`,
  });
  const { config } = await readConfig('a.mjs', cwd);
  const [first, second, third] = config.plugins ?? [];
  t.is(typeof first, 'function');
  t.is(Reflect.get(second as object, 'name'), 'quiet');
  t.is(Reflect.get(third as object, 'use'), first);
});

test('a file that cannot be read is an error with the reason', async (t) => {
  const cwd = await tempFolder(t, { 'latin1.json': new Uint8Array([0x22, 0xe4, 0x22]), 'file.json': '{}' });
  await mkdir(path.join(cwd, 'folder.json'));
  const start = 'CONFIG_UNREADABLE The configuration cannot be read:';
  t.is(await refusal(t, 'none.json', cwd), `${start} there is no file none.json.`);
  t.is(await refusal(t, 'none.mjs', cwd), `${start} there is no file none.mjs.`);
  t.is(await refusal(t, 'file.json/x.json', cwd), `${start} there is no file file.json/x.json.`);
  t.is(await refusal(t, 'folder.json', cwd), `${start} folder.json is a folder, not a file.`);
  t.is(
    await refusal(t, 'latin1.json', cwd),
    `${start} latin1.json:1:2: this is not UTF-8 text; save it as UTF-8.`,
  );
});

test('a folder with the name of the file is reported, not skipped', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json/x': '', 'jackfield.config.mjs': '' });
  t.regex(await refusal(t, undefined, cwd), /jackfield\.config\.json is a folder, not a file\.$/);
});

// The superuser may read every file.
const testAsUser = process.getuid?.() === 0 ? test.skip : test;
testAsUser('a file of somebody else says so', async (t) => {
  const cwd = await tempFolder(t, { 'a.json': '{}' });
  await chmod(path.join(cwd, 'a.json'), 0);
  t.regex(await refusal(t, 'a.json', cwd), /this user may not read a\.json\.$/);
});

test('a syntax error has file, line and column', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{\n  "listen": {}\n  "plugins": []\n}' });
  t.is(
    await refusal(t, undefined, cwd),
    'CONFIG_SYNTAX The configuration is not valid JSON: jackfield.config.json:3:3: a comma is missing.',
  );
});

test('a repeated key is refused with its place', async (t) => {
  const cwd = await tempFolder(t, { 'a.json': '{\n  "storage": "lru",\n  "storage": "lmdb"\n}' });
  t.is(
    await refusal(t, 'a.json', cwd),
    'CONFIG_INVALID The configuration is not valid: a.json:3:3: the key "storage" occurs twice, first on line 2',
  );
});

test('the error of a module that fails has the reason', async (t) => {
  const cwd = await tempFolder(t, {
    'throws.mjs': 'throw new Error("no database today");',
    'rejects.mjs': 'export default async () => { throw new Error("no database today"); };',
    'nothing.mjs': 'export const config = {};',
    'typo.mjs': 'export default () => ({ plugin: [] });',
  });
  const unreadable = 'CONFIG_UNREADABLE The configuration cannot be read:';
  t.is(
    await refusal(t, 'throws.mjs', cwd),
    `${unreadable} throws.mjs, thrown at ${cwd}/throws.mjs:1:7: no database today`,
  );
  t.is(
    await refusal(t, 'rejects.mjs', cwd),
    `${unreadable} rejects.mjs, thrown at ${cwd}/rejects.mjs:1:36: the exported function failed: no database today`,
  );
  t.is(
    await refusal(t, 'nothing.mjs', cwd),
    'CONFIG_INVALID The configuration is not valid: nothing.mjs has no default export; ' +
      'write "export default { … }" with the configuration.',
  );
  t.is(
    await refusal(t, 'typo.mjs', cwd),
    'CONFIG_INVALID The configuration is not valid: typo.mjs: unknown key "plugin"; did you mean "plugins"?',
  );
});

test('a TypeScript file is imported if Node can; otherwise the error says which Node can', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.ts': 'const storage: string = "lru";\nexport default { storage };',
  });
  // Only the Node that runs this test can be checked; `strip` and `transform` mean that it can.
  if (Reflect.get(process.features, 'typescript')) {
    const { config, file } = await readConfig(undefined, cwd);
    t.deepEqual(config, { storage: 'lru' });
    t.is(file, 'jackfield.config.ts');
  } else {
    t.is(
      await refusal(t, undefined, cwd),
      'CONFIG_UNREADABLE The configuration cannot be read: jackfield.config.ts: this Node ' +
        `(${process.versions.node}) cannot import TypeScript; Node 22.18 and later can. ` +
        'Update Node, or use jackfield.config.mjs or jackfield.config.json.',
    );
  }
});

test('a module that never returns its configuration times out, and the next reload works', async (t) => {
  const cwd = await tempFolder(t, {
    'package.json': '{ "type": "module" }',
    'waits.js': 'export default () => new Promise(() => {});',
    'top.js': 'await new Promise(() => {}); export default {};',
  });
  for (const file of ['waits.js', 'top.js']) {
    await t.throwsAsync(readConfig(file, cwd, 200), {
      code: 'CONFIG_UNREADABLE',
      message: new RegExp(
        `${file} did not return its configuration within 200 ms\\. Find out what it waits for\\.$`,
      ),
    });
  }
});

test('a named pipe without a writer times out as well', async (t) => {
  const cwd = await tempFolder(t);
  const pipe = path.join(cwd, 'pipe.json');
  execFileSync('mkfifo', [pipe]);
  await t.throwsAsync(readConfig('pipe.json', cwd, 50), {
    code: 'CONFIG_UNREADABLE',
    message: /within 50 ms/,
  });
  // Ends the read that still waits for the pipe.
  await writeFile(pipe, '');
});

test('an argument that is not a path is refused, and the error says what to pass', async (t) => {
  // As a JavaScript program may call it.
  for (const given of [new URL('file:///a.json'), {}, null, 5]) {
    const error = await t.throwsAsync(async () => Reflect.apply(readConfig, undefined, [given]), {
      instanceOf: TypeError,
    });
    t.regex(error.message, /fileURLToPath/);
  }
});
