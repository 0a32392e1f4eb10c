/**
 * The storage contract as tests, for any test runner and any adapter. A whole test file with AVA:
 *
 * ```ts
 * storageContract((title, body) => test(title, async (t) => { await body(); t.pass(); }), () => new MyAdapter());
 * ```
 *
 * Every test makes its own store. The adapter's `supports` decides which tests apply.
 */
import { commitTests } from './storage/commits.js';
import { entryTests } from './storage/entries.js';
import { expiryTests } from './storage/expiry.js';
import {
  type MakeAdapter,
  type StorageContractOptions,
  suiteOf,
  type TestFunction,
} from './storage/harness.js';
import { historyTests } from './storage/histories.js';
import { lifeTests } from './storage/life.js';
import { listingTests } from './storage/listing.js';
import { outageTests } from './storage/outage.js';
import { raceTests } from './storage/races.js';
import { watchTests } from './storage/watching.js';
import { watchLifeTests } from './storage/watching-life.js';

/**
 * Passes every test of the contract to `test`.
 * @param makeAdapter Makes an adapter over a new, empty store, not yet opened. It must hold 1,000 entries and 8 MiB: a
 * bounded adapter may evict only beyond its bound, so an entry that is missing below it is a fault.
 */
export function storageContract(
  test: TestFunction,
  makeAdapter: MakeAdapter,
  options: StorageContractOptions = {},
): void {
  const suite = suiteOf(test, makeAdapter, options);
  entryTests(suite);
  commitTests(suite);
  listingTests(suite);
  expiryTests(suite);
  raceTests(suite);
  historyTests(suite);
  outageTests(suite);
  watchTests(suite);
  watchLifeTests(suite);
  lifeTests(suite);
}
