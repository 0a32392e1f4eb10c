/** docs/batteries.md, held to the options of the plugins it tells of. */
import test from 'ava';
import { z } from 'zod';
import type { Plugin } from '../../core/api/plugin.js';
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import { listBuiltIn } from '../../core/extensions/find-extension.js';
import { PLUGINS } from '../../core/plugin-host/load-plugins.js';
import { readText } from '../repository.js';
import { expectedRows, type JsonSchema, toldRows } from './option-tables.js';

const page = await readText('docs/batteries.md');
const sections = new Map(
  page.split(/^## /m).map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n'))]),
);
const ON = new Set<unknown>(DEFAULT_CONFIG.plugins);
const told = (await listBuiltIn(PLUGINS)).filter((name) => sections.has(name));

test('it tells of these plugins, of which none is on by default', (t) => {
  const listed = Array.from(page.matchAll(/^\| `([a-z-]+)` \| [^|]+ \|$/gm), ([, name]) => name);
  t.deepEqual(listed.sort(), told);
  t.true(told.length >= 8);
  t.deepEqual(
    told.filter((name) => ON.has(name)),
    [],
  );
});

test('the README names each of them', async (t) => {
  const readme = await readText('README.md');
  for (const name of told) t.true(readme.includes(`\`${name}\``), name);
});

test('each of them stands in one of the two examples', async (t) => {
  const examples = await Promise.all(
    ['batteries', 'web'].map((name) => readText(`examples/${name}/jackfield.config.json`)),
  );
  for (const name of told)
    t.true(
      examples.some((text) => text.includes(`"${name}"`)),
      name,
    );
});

for (const name of told) {
  test(`the section of ${name} tells every option and no other, with its default`, async (t) => {
    const { default: plugin }: { default: Plugin } = await import(`jackfield/plugins/${name}`);
    // All that are built in use zod, which is more than the Standard Schema that the interface asks for.
    const options = (plugin.options ?? z.strictObject({})) as unknown as z.ZodType;
    const schema = z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
    t.deepEqual(toldRows(sections.get(name) ?? ''), expectedRows(schema));
  });
}
