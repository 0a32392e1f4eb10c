/** Compares docs/plugins/NAME.md and docs/adapters/NAME.md with the options in the code. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';
import type { Plugin } from '../../core/api/plugin.js';
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import { listBuiltIn } from '../../core/extensions/find-extension.js';
import { PLUGINS } from '../../core/plugin-host/load-plugins.js';
import type { AdapterDefinition } from '../../core/storage/contract.js';
import { ADAPTERS } from '../../core/storage/find-adapter.js';
import { ROOT, readText, runToEnd } from '../repository.js';
import { expectedRows, type JsonSchema, toldRows } from './option-tables.js';

const plugins = await listBuiltIn(PLUGINS);
const adapters = await listBuiltIn(ADAPTERS);
const ON = new Set<unknown>(DEFAULT_CONFIG.plugins);
const off = plugins.filter((name) => !ON.has(name));

async function pagesIn(folder: string): Promise<string[]> {
  const files = await readdir(path.join(ROOT, 'docs', folder));
  return files.map((file) => file.replace(/\.md$/, ''));
}

/** The options of a definition as a JSON Schema. */
function schemaOf(options: unknown): JsonSchema {
  // All built-in definitions use zod; the interface only requires a Standard Schema.
  const schema = (options ?? z.strictObject({})) as z.ZodType;
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

test('every built-in plugin and adapter has a page, and there is no other page', async (t) => {
  t.deepEqual((await pagesIn('plugins')).sort(), [...plugins].sort());
  t.deepEqual((await pagesIn('adapters')).sort(), [...adapters].sort());
  t.true(plugins.length >= 20);
  t.true(adapters.length >= 6);
});

test('the tables of options are up to date with the code; otherwise run "npm run docs"', async (t) => {
  const { code, stderr } = await runToEnd(process.execPath, [
    path.join(ROOT, 'docs/generate-pages.mjs'),
    '--check',
  ]);
  t.deepEqual([code, stderr], [0, '']);
});

for (const name of plugins) {
  test(`docs/plugins/${name}.md has every option and no other, with its default`, async (t) => {
    const { default: plugin }: { default: Plugin } = await import(`jackfield/plugins/${name}`);
    const page = await readText(`docs/plugins/${name}.md`);
    t.deepEqual(toldRows(page), expectedRows(schemaOf(plugin.options)));
    t.is(page.includes('On by default.'), ON.has(name));
  });
}

for (const name of adapters) {
  test(`docs/adapters/${name}.md has every option and no other, with its default`, async (t) => {
    const { default: adapter }: { default: AdapterDefinition<unknown> } = await import(
      `jackfield/storage-adapters/${name}`
    );
    const told = toldRows(await readText(`docs/adapters/${name}.md`));
    t.deepEqual(told, expectedRows(schemaOf(adapter.options)));
    t.true(told.length > 0);
  });
}

for (const page of [
  ...plugins.map((name) => `docs/plugins/${name}.md`),
  ...adapters.map((name) => `docs/adapters/${name}.md`),
]) {
  test(`${page} has an example`, async (t) => {
    // test/docs/pages.test.ts runs console blocks and compares quotes with their files.
    t.regex(await readText(page), /^## Example\n[\s\S]*?^```(?:console$|\w+ examples\/)/m);
  });
}

test('docs/batteries.md lists every plugin with a link to its page, those that are on by default first', async (t) => {
  const page = await readText('docs/batteries.md');
  const listed = Array.from(page.matchAll(/^\| \[`([a-z-]+)`\]\(plugins\/([a-z-]+)\.md\) \|/gm));
  for (const [, name, file] of listed) t.is(name, file);
  const names = listed.map(([, name = '']) => name);
  t.deepEqual([...names].sort(), [...plugins].sort());
  t.true(names.slice(0, ON.size).every((name) => ON.has(name)));
});

test('the README names every plugin that is off by default', async (t) => {
  const readme = await readText('README.md');
  t.true(off.length >= 8);
  for (const name of off) t.true(readme.includes(`\`${name}\``), name);
});

test('each plugin that is off by default is used by an example', async (t) => {
  const examples = await Promise.all(
    ['batteries', 'web', 'watch'].map((name) => readText(`examples/${name}/jackfield.config.json`)),
  );
  for (const name of off)
    t.true(
      examples.some((text) => text.includes(`"${name}"`)),
      name,
    );
});
