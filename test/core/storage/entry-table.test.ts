import test from 'ava';
import fc from 'fast-check';
import type { Change, Entry, Page } from '../../../core/storage/contract.js';
import { Draft } from '../../../core/storage/draft.js';
import { EntryTable } from '../../../core/storage/entry-table.js';
import { byCreation, SortedEntries } from '../../../core/storage/sorted-entries.js';
import { commitTo } from './commit-to.js';
import { NaiveStore } from './naive-store.js';

const KEYS = ['a', 'b', 'c', '10', '9', '__proto__', 'ab'];
const key = fc.constantFrom(...KEYS);
const anyChange: fc.Arbitrary<Change> = fc
  .record({
    checks: fc.array(fc.record({ key, revision: fc.nat(12) }), { maxLength: 1 }),
    keys: fc.uniqueArray(key, { maxLength: 4 }),
    deletes: fc.nat(2),
    ttlMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    value: fc.string({ maxLength: 3 }),
  })
  .map(({ checks, keys, deletes, ttlMs, value }) => ({
    checks,
    puts: keys.slice(deletes).map((key) => (ttlMs === undefined ? { key, value } : { key, value, ttlMs })),
    deletes: keys.slice(0, deletes),
  }));
const anyPage: fc.Arbitrary<Page> = fc.record({
  prefix: fc.constantFrom('', '', 'a', '1'),
  after: fc.nat(20),
  limit: fc.integer({ min: 1, max: 8 }),
});
const anySteps = fc.array(
  fc.record({ change: anyChange, page: anyPage, key, wait: fc.nat(5), forget: fc.boolean() }),
  { maxLength: 40 },
);

test('any sequence of commits, reads, pages and times has the answers of the naive model', (t) => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const table = new EntryTable();
      const naive = new NaiveStore();
      let now = 1_000;
      for (const step of steps) {
        now += step.wait;
        if (step.forget) table.forgetExpired(now);
        t.deepEqual(commitTo(table, step.change, now), naive.commit(step.change, now));
        t.deepEqual(table.get(step.key, now), naive.get(step.key, now));
        t.deepEqual(table.list(step.page, now), naive.list(step.page, now));
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('a draft of several commits, applied later, has the same result as the single commits', (t) => {
  fc.assert(
    fc.property(
      fc.array(anyChange, { maxLength: 10 }),
      fc.array(anyChange, { maxLength: 10 }),
      (before, together) => {
        const one = new EntryTable();
        const other = new EntryTable();
        for (const change of before) t.deepEqual(commitTo(one, change, 1), commitTo(other, change, 1));
        const draft = new Draft(one, 2);
        const results = together.map((change) => draft.commit(change));
        const successful = together.filter((_, at) => results[at]?.ok === true);
        const revisions = results.flatMap((result) => (result.ok ? [result.revision] : []));
        t.deepEqual(
          draft.commits.map(({ revision }) => revision),
          revisions,
        );
        for (const [at, { revision, puts, deletes }] of draft.commits.entries()) {
          const { puts: asked = [], deletes: askedDeletes = [] } = successful[at]!;
          const { previous } = results.flatMap((result) => (result.ok ? [result] : []))[at]!;
          t.deepEqual(
            puts.map((put) => [put.key, put.value, put.revision]),
            asked.map(({ key, value }) => [key, value, revision]),
          );
          t.deepEqual(
            deletes,
            askedDeletes.filter((key) => previous.has(key)),
            'only existing keys',
          );
        }
        t.deepEqual(
          draft.changes,
          draft.commits.filter(({ puts, deletes }) => puts.length + deletes.length > 0),
        );
        const inDraft = KEYS.map((key) => draft.get(key));
        const unchanged = other.list({ limit: 100 }, 2);
        t.deepEqual(one.list({ limit: 100 }, 2), unchanged, 'a draft changes nothing');
        // Even if the table drops an expired entry while the draft is being written to disk.
        one.forgetExpired(50);
        one.apply(draft);
        t.deepEqual(
          together.map((change) => commitTo(other, change, 2)),
          results,
        );
        t.deepEqual(
          inDraft,
          KEYS.map((key) => other.get(key, 2)),
        );
        t.deepEqual([one.created, one.revision], [other.created, other.revision]);
        t.deepEqual(one.list({ limit: 100 }, 50), other.list({ limit: 100 }, 50));
      },
    ),
    { numRuns: 500 },
  );
  t.pass();
});

test('entries are sorted after any insertions and deletions', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat(3_000)), { maxLength: 5_000, size: 'max' }),
      (steps) => {
        const sorted = new SortedEntries(byCreation);
        const naive = new Set<number>();
        for (const [insert, created] of steps) {
          if (insert) {
            sorted.set(entry(created));
            naive.add(created);
          } else {
            sorted.delete({ created });
            naive.delete(created);
          }
        }
        const expected = [...naive].sort((one, other) => one - other);
        t.deepEqual(
          [...sorted.after({ created: -1 })].map(({ created }) => created),
          expected,
        );
        t.is(sorted.first()?.created, expected[0]);
        for (const after of [0, 700, 1_500, 2_999]) {
          const [next] = sorted.after({ created: after });
          t.is(
            next?.created,
            expected.find((created) => created > after),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
  t.pass();
});

test('expired entries leave the table in order of expiry', (t) => {
  const table = new EntryTable();
  for (const [name, ttlMs] of [
    ['late', 30],
    ['soon', 10],
    ['also soon', 10],
  ] as const) {
    commitTo(table, { puts: [{ key: name, value: '', ttlMs }] }, 100);
  }
  commitTo(table, { puts: [{ key: 'stays', value: '' }] }, 100);
  t.deepEqual(table.forgetExpired(109), []);
  t.deepEqual(table.forgetExpired(110), ['soon', 'also soon']);
  t.is(table.size, 2);
  commitTo(table, { puts: [{ key: 'late', value: '' }] }, 111);
  t.deepEqual(table.forgetExpired(10_000), [], 'put again without a time to live');
});

test('a page deep in a large store reads about as many entries as it lists', (t) => {
  const sorted = new SortedEntries((one, other) => {
    compared += 1;
    return byCreation(one, other);
  });
  let compared = 0;
  for (let created = 1; created <= 100_000; created += 1) sorted.set(entry(created));
  // Nor may it walk through deleted entries, as of a processed queue.
  for (let created = 1; created <= 50_000; created += 1) sorted.delete({ created });
  for (const after of [0, 25_000, 50_000, 75_000, 99_990]) {
    compared = 0;
    const [first] = sorted.after({ created: after });
    t.is(first?.created, Math.max(after, 50_000) + 1);
    t.true(compared < 30, `${compared} comparisons`);
  }
});

function entry(created: number): Entry {
  return { key: `key ${created}`, value: '', created, revision: created };
}

test('later puts and deletes do not change frozen entries', (t) => {
  // More entries than one run holds, so that runs are split, joined and dropped.
  const step = fc.record({ key: fc.nat(1_500).map(String), put: fc.boolean(), freeze: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 2_000, size: 'max' }), (steps) => {
      const table = new EntryTable();
      commitTo(table, { puts: Array.from({ length: 1_200 }, (_, n) => ({ key: String(n), value: '' })) });
      const frozen: { entries: Iterable<Entry>; size: number; copy: Entry[] }[] = [];
      for (const { key, put, freeze } of steps) {
        if (freeze === 0) {
          const entries = table.freeze();
          frozen.push({ entries, size: entries.size, copy: table.list({ limit: 10_000 }).entries });
        }
        commitTo(table, put ? { puts: [{ key, value: key }] } : { deletes: [key] });
      }
      for (const { entries, size, copy } of frozen) {
        t.deepEqual([...entries], copy);
        t.is(size, copy.length);
      }
    }),
    { numRuns: 25 },
  );
  t.pass();
});
