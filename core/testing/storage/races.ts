/** Many commits at once: the answers must be those of some sequential order. */
import assert from 'node:assert/strict';
import {
  committed,
  entryAt,
  everything,
  meanwhile,
  type OpenStore,
  put,
  type Suite,
  valueAt,
} from './harness.js';

const RACERS = 64;
const racers = Array.from({ length: RACERS }, (_, n) => `racer ${n}`);

export function raceTests(suite: Suite): void {
  suite('of 64 racing creates of one key exactly one succeeds', async (store) => {
    await raceToCreate([store]);
  });

  suite('several adapters over the same data create a key only once in a race', async (store) => {
    if (store.adapter.supports.shared === 'process') return;
    assert.ok(store.reopen, 'an adapter that shares its data needs a `reopen` to be tested');
    await raceToCreate([store, await store.reopen(), await store.reopen()]);
  });

  suite('racing creates of several keys are each all or nothing', async (store) => {
    const results = await Promise.all(
      racers.map((value, n) => {
        // Each racer wants two neighbours in a ring of eight, in either order.
        const keys = [`ring ${n % 8}`, `ring ${(n + 1) % 8}`];
        if (n % 2 === 1) keys.reverse();
        return store.commit({
          checks: keys.map((key) => ({ key, revision: 0 })),
          puts: keys.map((key) => ({ key, value })),
        });
      }),
    );
    const winners = racers.filter((_, n) => results[n]!.ok);
    const values = (await everything(store)).map(({ value }) => value);
    assert.ok(winners.length >= 1);
    assert.deepEqual(values.toSorted(), [...winners, ...winners].toSorted());
  });

  suite('racing updates form one chain of previous values, the same for all keys of the commits', async (store) => {
    const keys = ['x', 'y', 'z'];
    await committed(store, { puts: keys.map((key) => ({ key, value: 'start' })) });
    const results = await Promise.all(
      racers.map((value, n) =>
        committed(store, {
          puts: (n % 2 === 0 ? keys : keys.toReversed()).map((key) => ({ key, value })),
        }),
      ),
    );
    const chains: string[][] = [];
    for (const key of keys) {
      const nextOf = new Map(results.map(({ previous }, n) => [previous.get(key)?.value, racers[n]!]));
      assert.equal(nextOf.size, RACERS, `no two updates of ${key} replaced the same value`);
      const chain: string[] = [];
      for (let next = nextOf.get('start'); next !== undefined; next = nextOf.get(next)) chain.push(next);
      assert.equal(chain.length, RACERS, `the chain of ${key} has every update`);
      assert.equal(await valueAt(store, key), chain.at(-1));
      chains.push(chain);
    }
    for (const chain of chains) assert.deepEqual(chain, chains[0]);
    const inOrder = chains[0]!.map((value) => results[racers.indexOf(value)]!.revision);
    assert.deepEqual(
      inOrder,
      inOrder.toSorted((one, other) => one - other),
      'revisions follow the order of the commits',
    );
  });

  suite('a counter that racing writers check and increment loses no step', async (store) => {
    await put(store, { count: '0' });
    const raise = async () => {
      for (;;) {
        const { value, revision } = await entryAt(store, 'count');
        const puts = [{ key: 'count', value: String(Number(value) + 1) }];
        if ((await store.commit({ checks: [{ key: 'count', revision }], puts })).ok) return;
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let step = 0; step < 5; step += 1) await raise();
      }),
    );
    assert.equal(await valueAt(store, 'count'), '40');
  });

  suite('racing puts of new keys each get their own `created`', async (store) => {
    await Promise.all(
      racers.map((key) =>
        committed(store, {
          puts: [
            { key, value: '1' },
            { key: `${key}'`, value: '2' },
          ],
        }),
      ),
    );
    const created = (await everything(store, 7)).map((entry) => entry.created);
    assert.equal(new Set(created).size, 2 * RACERS);
  });

  suite('a page shows each commit completely or not at all', async (store) => {
    await put(store, { left: 'start', right: 'start' });
    const writes = meanwhile(Promise.all(racers.map((value) => put(store, { left: value, right: value }))));
    const reads = async () => {
      for (let read = 0; read < 20; read += 1) {
        const { entries } = await store.list({ limit: 10 });
        assert.equal(entries[0]?.value, entries[1]?.value);
      }
    };
    await Promise.all([writes, reads()]);
  });

  suite('a commit that has succeeded can be read', async (store) => {
    await Promise.all(
      racers.map(async (key) => {
        await put(store, { [key]: key });
        assert.equal(await valueAt(store, key), key);
        await committed(store, { deletes: [key] });
        assert.equal(await store.get(key), undefined);
      }),
    );
  });
}

async function raceToCreate(stores: readonly OpenStore[]): Promise<void> {
  const results = await Promise.all(
    racers.map((value, n) =>
      stores[n % stores.length]!.commit({
        checks: [{ key: 'prize', revision: 0 }],
        puts: [{ key: 'prize', value }],
      }),
    ),
  );
  const winners = racers.filter((_, n) => results[n]!.ok);
  assert.equal(winners.length, 1, `winners: ${winners.join(', ')}`);
  for (const result of results) assert.ok(result.ok || result.conflict === 'prize');
  for (const store of stores) assert.equal(await valueAt(store, 'prize'), winners[0]);
}
