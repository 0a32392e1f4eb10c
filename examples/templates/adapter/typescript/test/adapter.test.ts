import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StorageError } from 'jackfield';
import { storageContract } from 'jackfield/testing';
import { Adapter } from '../src/adapter.js';

// The contract of every adapter; each test gets a new, empty store.
storageContract(
  (title, body) => void test(title, body),
  () => new Adapter({ maxEntries: 10_000 }),
);

test('it stores at most maxEntries entries, and a change that exceeds them changes nothing', () => {
  const adapter = new Adapter({ maxEntries: 1 });
  adapter.open();
  const puts = ['a', 'b'].map((key) => ({ key, value: '1' }));
  assert.throws(
    () => adapter.commit({ puts }),
    (error) => error instanceof StorageError && error.code === 'STORAGE_FULL',
  );
  assert.deepEqual(adapter.list({ limit: 10 }), { entries: [] });
  adapter.close();
});
