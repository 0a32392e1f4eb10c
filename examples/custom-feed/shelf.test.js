/** The contract of all adapters, feeds included. Run: node --test examples/custom-feed/shelf.test.js */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storageContract } from 'jackfield/testing';
import { ShelfAdapter } from './shelf.js';

storageContract(
  (title, body) => void test(title, body),
  () => new ShelfAdapter(),
);

test('a reader that is too far behind gets an error, never a gap', async () => {
  const store = new ShelfAdapter({ historyChanges: 2 });
  store.open();
  for (const value of ['1', '2', '3']) store.commit({ puts: [{ key: 'a', value }] });
  const late = store.watch(0)[Symbol.asyncIterator]();
  await assert.rejects(late.next(), { code: 'STORAGE_HISTORY_GONE' });
  const reader = store.watch(1)[Symbol.asyncIterator]();
  assert.equal((await reader.next()).value?.revision, 2);
  assert.equal((await reader.next()).value?.revision, 3);
  store.close();
});
