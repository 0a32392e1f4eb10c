import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import {
  type Change,
  type Entry,
  type Page,
  type StorageAdapter,
  StorageError,
} from '../../../core/storage/contract.js';
import { StorageDoor } from '../../../core/storage/storage-door.js';
import { storageContract } from '../../../core/testing/storage-contract.js';
import { MemoryAdapter } from '../../../storage-adapters/memory.js';

function opened(): StorageDoor {
  const door = new StorageDoor(new MemoryAdapter());
  door.open();
  return door;
}

/** A memory adapter with some functions replaced. */
function withFunctions(functions: Partial<StorageAdapter>): StorageDoor {
  const memory = new MemoryAdapter();
  return new StorageDoor({
    name: 'odd',
    supports: memory.supports,
    open: () => memory.open(),
    get: (key) => memory.get(key),
    list: (page) => memory.list(page),
    commit: (change) => memory.commit(change),
    close: () => memory.close(),
    ...functions,
  });
}

// The door keeps all promises of the contract.
storageContract(
  (title, body) =>
    test(title, async (t) => {
      await body();
      t.pass();
    }),
  () => new StorageDoor(new MemoryAdapter()),
);

test('if the adapter returns directly, so does the door', (t) => {
  const door = opened();
  const result = door.commit({ puts: [{ key: 'a', value: '1' }] });
  t.false(result instanceof Promise);
  t.like(door.get('a'), { key: 'a', value: '1' });
  t.like(door.list({ limit: 1 }), { entries: [{ key: 'a' }] });
  t.is(door.close(), undefined);
});

test('if the adapter returns a promise, so does the door', async (t) => {
  const entry: Entry = { key: 'a', value: '1', created: 1, revision: 1 };
  const door = withFunctions({ open: async () => {}, get: async () => entry });
  const opening = door.open();
  t.throws(() => door.get('a'), { code: 'STORAGE_CLOSED' }, 'not open yet');
  await opening;
  t.is(await door.get('a'), entry);
});

const HALF_A_PAIR = 'x\ud83d';

for (const [what, key] of [
  ['an empty string', ''],
  ['half a surrogate pair', HALF_A_PAIR],
  ['1,025 octets', 'k'.repeat(1_025)],
  ['1,026 octets in 342 characters', '€'.repeat(342)],
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['an object', {}],
] as const) {
  test(`${what} as a key is STORAGE_KEY_INVALID everywhere`, (t) => {
    const door = opened();
    const bad = key as string; // As a handler in JavaScript may call it.
    const expected = { instanceOf: StorageError, code: 'STORAGE_KEY_INVALID' };
    t.throws(() => door.get(bad), expected);
    t.throws(() => door.commit({ puts: [{ key: bad, value: '' }] }), expected);
    t.throws(() => door.commit({ deletes: [bad] }), expected);
    t.throws(() => door.commit({ checks: [{ key: bad, revision: 0 }] }), expected);
  });
}

for (const [what, value] of [
  ['half a surrogate pair', HALF_A_PAIR],
  ['more than 1 MiB', 'v'.repeat(1_048_577)],
  ['more than 1 MiB in fewer characters', '€'.repeat(349_526)],
  ['undefined', undefined],
  ['a number', 5],
] as const) {
  test(`${what} as a value is STORAGE_VALUE_INVALID`, (t) => {
    const bad = value as string; // As above.
    t.throws(() => opened().commit({ puts: [{ key: 'a', value: bad }] }), {
      instanceOf: StorageError,
      code: 'STORAGE_VALUE_INVALID',
    });
  });
}

test('a refused change changes nothing', (t) => {
  const door = opened();
  t.throws(() =>
    door.commit({
      puts: [
        { key: 'a', value: '' },
        { key: '', value: '' },
      ],
    }),
  );
  t.is(door.get('a'), undefined);
});

test('keys and values may be exactly as long as the limit', (t) => {
  const door = opened();
  const key = `${'€'.repeat(341)}x`;
  t.notThrows(() => door.commit({ puts: [{ key, value: 'v'.repeat(1_048_576) }] }));
  t.throws(() => door.commit({ puts: [{ key: `${key}x`, value: '' }] }), { code: 'STORAGE_KEY_INVALID' });
  const value = '😀'.repeat(262_144);
  t.notThrows(() => door.commit({ puts: [{ key, value }] }));
  const error = t.throws(() => door.commit({ puts: [{ key, value: `${value}!` }] }), {
    code: 'STORAGE_VALUE_INVALID',
  });
  t.regex(error.message, /has 1048577 octets of UTF-8 and may have 1048576/);
});

for (const page of [
  { limit: 0 },
  { limit: 1.5 },
  { limit: Number.NaN },
  { limit: Number.POSITIVE_INFINITY },
  { limit: '5' },
  {},
  { limit: 1, after: -1 },
  { limit: 1, after: 0.5 },
  { limit: 1, after: '1' },
  { limit: 1, prefix: 5 },
  { limit: 1, prefix: HALF_A_PAIR },
]) {
  test(`the page ${inspect(page)} is STORAGE_PAGE_INVALID`, (t) => {
    t.throws(() => opened().list(page as Page), { instanceOf: StorageError, code: 'STORAGE_PAGE_INVALID' });
  });
}

for (const change of [
  {
    puts: [
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
    ],
  },
  { puts: [{ key: 'a', value: '1' }], deletes: ['a'] },
  { deletes: ['a', 'b', 'a'] },
  { checks: [{ key: 'a', revision: -1 }] },
  { checks: [{ key: 'a', revision: 0.5 }] },
  { checks: [{ key: 'a' }] },
  { puts: [{ key: 'a', value: '1', ttlMs: 0 }] },
  { puts: [{ key: 'a', value: '1', ttlMs: 1.5 }] },
  { puts: [{ key: 'a', value: '1', ttlMs: '5' }] },
]) {
  test(`the change ${JSON.stringify(change)} is STORAGE_CHANGE_INVALID`, (t) => {
    t.throws(() => opened().commit(change as Change), {
      instanceOf: StorageError,
      code: 'STORAGE_CHANGE_INVALID',
    });
  });
}

test('a key may be in both the checks and the puts', (t) => {
  t.notThrows(() =>
    opened().commit({ checks: [{ key: 'a', revision: 0 }], puts: [{ key: 'a', value: '' }] }),
  );
});

for (const [what, answer] of [
  ['null', null],
  ['a text', 'value'],
  ['an entry without a revision', { key: 'a', value: '1', created: 1 }],
  ['a value that is not a text', { key: 'a', value: 1, created: 1, revision: 1 }],
] as const) {
  test(`an adapter that answers get with ${what} is named in the error`, async (t) => {
    const junk = answer as unknown as Entry;
    const expected = { code: 'STORAGE_ANSWER_INVALID', message: /the adapter "odd" answered get with / };
    const now = withFunctions({ get: () => junk });
    now.open();
    t.throws(() => now.get('a'), expected);
    const later = withFunctions({ get: async () => junk });
    later.open();
    await t.throwsAsync(async () => later.get('a'), expected);
  });
}

test('if an adapter answers list or commit with junk, the error names it, and the outcome of a change is unknown', (t) => {
  for (const listing of [undefined, {}, { entries: [{}] }, { entries: [], next: '5' }]) {
    const door = withFunctions({ list: () => listing as never });
    door.open();
    t.throws(() => door.list({ limit: 1 }), { code: 'STORAGE_ANSWER_INVALID', message: /answered list/ });
  }
  for (const result of [
    undefined,
    {},
    { ok: true },
    { ok: true, revision: 1, previous: {} },
    { ok: false },
  ]) {
    const door = withFunctions({ commit: () => result as never });
    door.open();
    t.throws(() => door.commit({}), { code: 'STORAGE_OUTCOME_UNKNOWN', message: /answered commit/ });
  }
});

for (const change of [{ put: [] }, { puts: [{ key: 'a', value: '', ttl: 1 }] }, { puts: {} }, null, []]) {
  test(`the change ${JSON.stringify(change)} changes nothing and is the plugin's mistake`, (t) => {
    const door = opened();
    const given = Array.isArray(change) ? Object.assign([], { puts: [], extra: 1 }) : change;
    t.like(
      t.throws(() => door.commit(given as Change)),
      { code: 'STORAGE_CHANGE_INVALID', status: 500 },
    );
    t.deepEqual(door.list({ limit: 1 }), { entries: [] });
  });
}

test('other errors of an adapter become STORAGE_UNAVAILABLE with their cause; errors with a code stay', async (t) => {
  const cause = new Error('connection refused');
  const known = new StorageError('STORAGE_OUTCOME_UNKNOWN');
  const door = withFunctions({
    get: () => {
      throw cause;
    },
    list: () => Promise.reject(cause),
    commit: () => Promise.reject(known),
  });
  door.open();
  const unavailable = {
    instanceOf: StorageError,
    code: 'STORAGE_UNAVAILABLE',
    message: /connection refused/,
  };
  t.is(t.throws(() => door.get('a'), unavailable)?.cause, cause);
  t.is((await t.throwsAsync(async () => door.list({ limit: 1 }), unavailable))?.cause, cause);
  t.is(await t.throwsAsync(async () => door.commit({})), known);
});

test('a promise of another library is awaited too', async (t) => {
  // biome-ignore lint/suspicious/noThenProperty: it is the point of this test.
  const thenable = { then: (_ok: unknown, failed: (reason: unknown) => void) => failed(new Error('odd')) };
  const door = withFunctions({ get: () => thenable as unknown as Promise<undefined> });
  door.open();
  await t.throwsAsync(async () => door.get('a'), { code: 'STORAGE_UNAVAILABLE' });
});

test('before open and after close every call is STORAGE_CLOSED', async (t) => {
  const door = new StorageDoor(new MemoryAdapter());
  const closed = { instanceOf: StorageError, code: 'STORAGE_CLOSED' };
  const allClosed = () => {
    t.throws(() => door.get('a'), closed);
    t.throws(() => door.list({ limit: 1 }), closed);
    t.throws(() => door.commit({}), closed);
  };
  allClosed();
  await door.open();
  t.throws(() => door.open(), { instanceOf: TypeError });
  await door.close();
  allClosed();
  t.is(await door.close(), undefined, 'closing twice is no error');
});

test('a feed is present if the adapter has one, and works only while the store is open', async (t) => {
  t.is(withFunctions({}).watch, undefined);
  t.is(withFunctions({}).revision, undefined);
  const door = new StorageDoor(new MemoryAdapter());
  const closed = { instanceOf: StorageError, code: 'STORAGE_CLOSED' };
  t.throws(() => door.watch?.(0), closed);
  t.throws(() => door.revision?.(), closed);
  door.open();
  t.is(door.revision?.(), 0);
  door.close();
  t.throws(() => door.watch?.(0), closed);
});

test('a feed accepts only revisions, and fails with a code', async (t) => {
  const door = withFunctions({
    revision: () => 1,
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('lost')) }) }),
  });
  door.open();
  for (const revision of [-1, 1.5, Number.NaN, '1' as never]) {
    t.throws(() => door.watch?.(revision), { code: 'STORAGE_REVISION_UNKNOWN' });
  }
  const reader = door.watch?.(0)[Symbol.asyncIterator]();
  await t.throwsAsync(async () => reader?.next(), { code: 'STORAGE_UNAVAILABLE', message: /lost/ });
  t.deepEqual(await reader?.return?.(), { done: true, value: undefined });
});

test('a store that could not be opened stays closed, and may be opened again', async (t) => {
  let ready = false;
  const door = withFunctions({
    open: async () => {
      if (!ready) throw new Error('not yet');
    },
    get: () => undefined,
  });
  await t.throwsAsync(async () => door.open(), { code: 'STORAGE_UNAVAILABLE' });
  t.throws(() => door.get('a'), { code: 'STORAGE_CLOSED' });
  ready = true;
  await door.open();
  t.is(await door.get('a'), undefined);
});

test('the adapter gets all defaults', (t) => {
  const calls: unknown[] = [];
  const door = withFunctions({
    list: (page) => {
      calls.push(page);
      return { entries: [] };
    },
    commit: (change) => {
      calls.push(change);
      return { ok: true, revision: 1, previous: new Map() };
    },
  });
  door.open();
  door.list({ limit: 5 });
  door.commit({ puts: [{ key: 'a', value: 'b' }] });
  t.deepEqual(calls, [
    { prefix: '', after: 0, limit: 5 },
    { checks: [], puts: [{ key: 'a', value: 'b' }], deletes: [] },
  ]);
});

test('stored strings do not keep alive the request that they were cut from', (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const door = opened();
  const heap = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed / 1_048_576;
  };
  const before = heap();
  for (let n = 0; n < 100; n += 1) {
    // Decoded from octets, so that it is one flat string, like a body.
    const body = Buffer.from(
      `the key of entry ${n + 100}=the value of it${' '.repeat(1_048_576)}`,
    ).toString();
    door.commit({ puts: [{ key: body.slice(0, 20), value: body.slice(21, 36) }] });
  }
  t.like(door.get('the key of entry 199'), { value: 'the value of it' });
  t.true(heap() - before < 20, 'a hundred small entries out of 100 MiB');
});
