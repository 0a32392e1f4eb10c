/** Records short histories of concurrent callers and checks that they are linearizable. */
import assert from 'node:assert/strict';
import type { Change } from '../../storage/contract.js';
import type { OpenStore, Suite } from './harness.js';
import { type Call, isLinearizable } from './linearizability.js';

/** 24 calls over 3 keys: enough for every pair to meet, few enough to check quickly. */
const CALLERS = 4;
const CALLS = 6;
const ROUNDS = 12;

export function historyTests(suite: Suite): void {
  suite('some order of concurrent calls explains all their answers', async (store) => {
    await judge([store]);
  });

  suite('several adapters over the same data answer concurrent callers like one store', async (store) => {
    if (store.adapter.supports.shared === 'process') return;
    assert.ok(store.reopen, 'an adapter that shares its data needs a `reopen` to be tested');
    await judge([store, await store.reopen()]);
  });
}

async function judge(stores: readonly OpenStore[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const history = await record(stores, round);
    assert.ok(isLinearizable(history), `no order explains this history:\n${textOf(history)}`);
  }
}

async function record(stores: readonly OpenStore[], round: number): Promise<Call[]> {
  const history: Call[] = [];
  let clock = 0;
  const random = randomOf(round + 1);
  // New keys, so that each history starts empty.
  const keys = ['x', 'y', 'z'].map((name) => `round ${round} ${name}`);
  const caller = async (id: number) => {
    const store = stores[id % stores.length]!;
    const seen = new Map<string, number>();
    for (let call = 0; call < CALLS; call += 1) {
      const [key, other] = [keys[random(3)]!, keys[random(3)]!];
      const invoked = clock++;
      if (random(3) === 0) {
        const entry = await store.get(key);
        const found = entry && { value: entry.value, revision: entry.revision };
        history.push({ invoked, answered: clock++, get: key, found });
        seen.set(key, entry?.revision ?? 0);
        continue;
      }
      const value = `caller ${id} call ${call}`;
      const change: Change = {
        // Every second commit checks what this caller saw last, which is often outdated.
        checks: random(2) === 0 ? [{ key, revision: seen.get(key) ?? 0 }] : [],
        puts: random(4) === 0 ? [] : [...new Set([key, other])].map((put) => ({ key: put, value })),
        deletes: [],
      };
      const commit = change.puts?.length === 0 ? { ...change, deletes: [key] } : change;
      const result = await store.commit(commit);
      history.push({ invoked, answered: clock++, commit, result });
      if (!result.ok) continue;
      for (const put of commit.puts ?? []) seen.set(put.key, result.revision);
      for (const gone of commit.deletes ?? []) seen.set(gone, 0);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, id) => caller(id)));
  return history;
}

/** The same numbers each time, so that a failing history can be repeated. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    // The generator of Park and Miller.
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function textOf(history: readonly Call[]): string {
  const replacer = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value);
  return history.map((call) => JSON.stringify(call, replacer)).join('\n');
}
