/** The contract of all adapters, then a promise of this one. Run: node --test examples/custom-adapter/journal.test.js */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { storageContract } from 'jackfield/testing';
import { JournalAdapter } from './journal.js';

const folder = () => mkdtempSync(join(tmpdir(), 'journal-'));

// The kit works with any runner: it passes a title and a function to the function that registers a test.
storageContract(
  (title, body) => void test(title, body),
  () => {
    const home = folder();
    return {
      adapter: new JournalAdapter(join(home, 'data.journal')),
      cleanup: () => rmSync(home, { recursive: true }),
    };
  },
);

test('after reopening, all commits are there in order, except one that was cut off', (t) => {
  const home = folder();
  t.after(() => rmSync(home, { recursive: true }));
  const path = join(home, 'data.journal');
  const first = new JournalAdapter(path);
  first.open();
  first.commit({
    puts: [
      { key: 'b', value: '1' },
      { key: 'a', value: '2' },
    ],
  });
  first.commit({ puts: [{ key: 'b', value: '3' }], deletes: ['a'] });
  first.commit({ puts: [{ key: 'a', value: '4' }] });
  const { entries } = first.list({ limit: 10 });
  first.close();
  appendFileSync(path, '{"revision":4,"puts":[{"key":"c"');

  const second = new JournalAdapter(path);
  second.open();
  assert.deepEqual(second.list({ limit: 10 }).entries, entries);
  second.commit({ puts: [{ key: 'c', value: '5' }] });
  second.close();

  const third = new JournalAdapter(path);
  third.open();
  assert.deepEqual(
    third.list({ limit: 10 }).entries.map(({ key }) => key),
    ['b', 'a', 'c'],
  );
  third.close();
});
