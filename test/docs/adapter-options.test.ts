/** The tables of the adapters' options, held to the options. */
import test from 'ava';
import { z } from 'zod';
import { listBuiltIn } from '../../core/extensions/find-extension.js';
import type { AdapterDefinition } from '../../core/storage/contract.js';
import { ADAPTERS } from '../../core/storage/find-adapter.js';
import { readText } from '../repository.js';
import { expectedRows, type JsonSchema, toldRows } from './option-tables.js';

/** Those that have a page of their own. */
const PAGES = ['lmdb', 'postgres', 'redis'];

async function rowsOf(name: string): Promise<[string, string][]> {
  const { default: adapter }: { default: AdapterDefinition<unknown> } = await import(
    `jackfield/storage-adapters/${name}`
  );
  // All that are built in use zod, which is more than the Standard Schema that the interface asks for.
  const options = adapter.options as unknown as z.ZodType;
  return expectedRows(z.toJSONSchema(options, { io: 'input' }) as JsonSchema);
}

/** The rows of the table that all the others share. */
async function sharedTable(): Promise<{ adapter: string; row: [string, string] }[]> {
  const page = await readText('docs/configuration.md');
  const table = page.split('| Adapter | Option | Default | Means |\n')[1]?.split('\n\n')[0] ?? '';
  return table
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, adapter = '', name = '', told = '', means = ''] = line
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'));
      if (means === '') throw new Error(`No meaning: ${line}`);
      return { adapter, row: [name, told] };
    });
}

for (const name of await listBuiltIn(ADAPTERS)) {
  const page = PAGES.includes(name) ? `docs/${name}.md` : 'docs/configuration.md';
  test(`${page} tells every option of ${name} and no other, with its default`, async (t) => {
    const told = PAGES.includes(name)
      ? toldRows((await readText(page)).split('## Options\n')[1] ?? '')
      : (await sharedTable()).flatMap(({ adapter, row }) => (adapter === name ? [row] : []));
    t.deepEqual(told, await rowsOf(name));
    t.true(told.length > 0);
  });
}

test('the shared table tells of no other adapter', async (t) => {
  const names = await listBuiltIn(ADAPTERS);
  const told = new Set((await sharedTable()).map(({ adapter }) => adapter));
  t.deepEqual([...told].sort(), names.filter((name) => !PAGES.includes(name)).sort());
});
