/** Random calls of a store and its answers, to check that two stores answer the same. */
import fc from 'fast-check';
import type { Change, Page, StorageAdapter } from '../../core/storage/contract.js';

export type Step =
  | { readonly do: 'commit'; readonly change: Change }
  | { readonly do: 'get'; readonly key: string }
  | { readonly do: 'list'; readonly page: Page };

/** Few, so that calls meet. Some have a special meaning for objects, patterns, C strings or indexes. */
export const key = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a', 'b', 'ab', '10', '9', '__proto__', 'a\0', 'a%', 'é', '\u{10ffff}'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }) },
);
export const value = fc.string({ unit: 'binary', maxLength: 10 });

const commit = fc
  .record({
    checks: fc.array(fc.record({ key, revision: fc.nat(8) }), { maxLength: 2 }),
    keys: fc.uniqueArray(key, { maxLength: 5 }),
    values: fc.array(value, { minLength: 5, maxLength: 5 }),
    deletes: fc.nat(2),
  })
  .map(({ checks, keys, values, deletes }): Step => {
    const puts = keys.slice(deletes).map((put, at) => ({ key: put, value: values[at] ?? '' }));
    return { do: 'commit', change: { checks, puts, deletes: keys.slice(0, deletes) } };
  });
const get = key.map((wanted): Step => ({ do: 'get', key: wanted }));
const list = fc
  .record({
    prefix: fc.constantFrom('', 'a', '1', 'a\0', 'a%', '%', 'é', '\u{10ffff}'),
    after: fc.nat(10),
    limit: fc.integer({ min: 1, max: 6 }),
  })
  .map((page): Step => ({ do: 'list', page }));

export const steps = fc.array(fc.oneof({ weight: 3, arbitrary: commit }, get, list), { maxLength: 25 });

/** Opens the store, makes the calls, then lists all entries, reads the revision and closes it. */
export async function answersOf(adapter: StorageAdapter, all: readonly Step[]): Promise<unknown[]> {
  await adapter.open();
  const answers: unknown[] = [];
  for (const step of all) {
    if (step.do === 'commit') answers.push(await adapter.commit(step.change));
    else if (step.do === 'get') answers.push(await adapter.get(step.key));
    else answers.push(await adapter.list(step.page));
  }
  answers.push([await adapter.list({ limit: 1_000 }), await adapter.revision?.()]);
  await adapter.close();
  return answers;
}
