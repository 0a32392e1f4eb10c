/** An unreachable store is an error, never "no data", and recovers without help. */
import assert from 'node:assert/strict';
import { StorageError } from '../../storage/contract.js';
import { put, type Suite, valueAt } from './harness.js';

export function outageTests(suite: Suite): void {
  suite('during an outage every call fails with its code, and afterwards the same store works', async (store) => {
    const { outage } = store;
    if (outage === undefined) return;
    await put(store, { a: '1' });
    await outage.breakIt();
    for (let round = 0; round < 3; round += 1) {
      await assert.rejects(store.get('a'), hasCode('STORAGE_UNAVAILABLE'), 'get');
      await assert.rejects(store.get('never there'), hasCode('STORAGE_UNAVAILABLE'), 'get of an absent key');
      await assert.rejects(store.list({ limit: 10 }), hasCode('STORAGE_UNAVAILABLE'), 'list');
    }
    const failure = await put(store, { b: '1' }).then(
      () => assert.fail('a commit was answered during the outage'),
      (error: unknown) => error,
    );
    assert.ok(hasCode('STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN')(failure), String(failure));
    await outage.mendIt();
    await store.until('the store answers again', async () => answers(store.get('a')));
    // A store in memory may come back empty; a durable one may not.
    if (store.adapter.supports.durable) assert.equal(await valueAt(store, 'a'), '1');
    const wasDone = (await store.get('b')) !== undefined;
    if (hasCode('STORAGE_UNAVAILABLE')(failure)) assert.equal(wasDone, false, 'nothing was changed');
    await put(store, { b: '2' });
    assert.equal(await valueAt(store, 'b'), '2');
  });

  suite('commits in progress during an outage succeed, fail or have an unknown outcome, and none that succeeded is lost', async (store) => {
    const { outage } = store;
    if (outage === undefined) return;
    const commits = Array.from({ length: 20 }, (_, n) => put(store, { [`key ${n}`]: 'x' }));
    const settled = Promise.allSettled(commits);
    await outage.breakIt();
    const results = await settled;
    await outage.mendIt();
    await store.until('the store answers again', async () => answers(store.get('key 0')));
    for (const [n, result] of results.entries()) {
      const isThere = (await store.get(`key ${n}`)) !== undefined;
      if (result.status === 'fulfilled') {
        if (store.adapter.supports.durable) assert.ok(isThere, `key ${n} was answered and is lost`);
        continue;
      }
      assert.ok(
        hasCode('STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN')(result.reason),
        String(result.reason),
      );
      if (hasCode('STORAGE_UNAVAILABLE')(result.reason)) assert.equal(isThere, false, `key ${n} was refused`);
    }
  });
}

async function answers(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}

const hasCode =
  (...codes: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof StorageError && codes.includes(error.code);
