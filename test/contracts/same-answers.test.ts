/** Interchangeable, tried at random: the same calls get the same answers from every adapter. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import type { Change, Page, StorageAdapter } from '../../core/storage/contract.js';
import { JsonFileAdapter } from '../../storage-adapters/json-file/json-file.js';
import { LruAdapter } from '../../storage-adapters/lru.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';

type Step =
  | { readonly do: 'commit'; readonly change: Change }
  | { readonly do: 'get'; readonly key: string }
  | { readonly do: 'list'; readonly page: Page };

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'ab', '10', '9', '__proto__') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }) },
);
const value = fc.string({ unit: 'binary', maxLength: 10 });

const commit = fc
  .record({
    checks: fc.array(fc.record({ key, revision: fc.nat(8) }), { maxLength: 1 }),
    keys: fc.uniqueArray(key, { maxLength: 4 }),
    values: fc.array(value, { minLength: 4, maxLength: 4 }),
    deletes: fc.nat(2),
  })
  .map(({ checks, keys, values, deletes }): Step => {
    const puts = keys.slice(deletes).map((put, at) => ({ key: put, value: values[at] ?? '' }));
    return { do: 'commit', change: { checks, puts, deletes: keys.slice(0, deletes) } };
  });
const get = key.map((wanted): Step => ({ do: 'get', key: wanted }));
const list = fc
  .record({ prefix: fc.constantFrom('', 'a', '1'), after: fc.nat(10), limit: fc.integer({ min: 1, max: 6 }) })
  .map((page): Step => ({ do: 'list', page }));
const steps = fc.array(fc.oneof({ weight: 3, arbitrary: commit }, get, list), { maxLength: 25 });

async function answersOf(adapter: StorageAdapter, all: readonly Step[]): Promise<unknown[]> {
  await adapter.open();
  const answers: unknown[] = [];
  for (const step of all) {
    if (step.do === 'commit') answers.push(await adapter.commit(step.change));
    else if (step.do === 'get') answers.push(await adapter.get(step.key));
    else answers.push(await adapter.list(step.page));
  }
  answers.push(await adapter.list({ limit: 1_000 }));
  await adapter.close();
  return answers;
}

test('lru answers as memory does while there is room', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const expected = await answersOf(new MemoryAdapter(), all);
      t.deepEqual(
        await answersOf(new LruAdapter({ maxEntries: 1_000, maxOctets: 1_000_000 }), all),
        expected,
      );
    }),
    { numRuns: 300 },
  );
});

test('json-file answers as memory does, and still does so after a restart', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const folder = await mkdtemp(join(tmpdir(), 'jackfield-same-'));
      const path = join(folder, 'data.json');
      const expected = await answersOf(new MemoryAdapter(), all);
      t.deepEqual(await answersOf(new JsonFileAdapter({ path }), all), expected);
      const [found] = await answersOf(new JsonFileAdapter({ path }), []);
      t.deepEqual(found, expected.at(-1), 'with every created and revision');
      await rm(folder, { recursive: true });
    }),
    { numRuns: 40 },
  );
});
