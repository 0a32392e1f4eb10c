/** Keys and values that a store must return unchanged. */
import assert from 'node:assert/strict';
import { StorageDoor } from '../../storage/storage-door.js';
import { committed, entryAt, everything, keysOf, put, type Suite, valueAt } from './harness.js';

/** Keys that break a plain object, a query language, a file format or a line protocol. */
const HOSTILE_KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  ' ',
  ' leading and trailing ',
  'tab\tand\nline\r\nbreaks',
  'nul\0and\x01\x1f\x7f\x80',
  'line\u2028separator\u2029',
  '"double" \'single\' `back`',
  'back\\slash\\',
  '{"json":[1,2]}',
  '/a/path/../..//',
  'a%b_c*d?e[f]g',
  "'; DROP TABLE jackfield; --",
  '{namespace}:key',
  'null',
  'true',
  '0',
  '-1',
  '1e3',
  '\ufeffbyte order mark',
  '\u00e9 composed',
  'e\u0301 decomposed',
  'Case',
  'case',
  // Equal under collations that ignore accents, ligatures, sharp s, or white space at the end.
  'caf\u00e9',
  'cafe\u0301',
  'cafe',
  '\ufb01x',
  'fix',
  'stra\u00dfe',
  'strasse',
  'end',
  'end ',
  '\u{1f600}',
  '\u{10ffff}',
] as const;

export function entryTests(suite: Suite): void {
  suite('a key that was never put is absent', async (store) => {
    assert.equal(await store.get('a'), undefined);
    assert.deepEqual((await store.list({ limit: 10 })).entries, []);
    await put(store, { b: '1' });
    assert.equal(await store.get('a'), undefined);
  });

  suite('an entry has its key, its value and two sequence numbers, and no expiry', async (store) => {
    const { revision } = await put(store, { a: 'one' });
    const entry = await entryAt(store, 'a');
    assert.deepEqual(entry, { key: 'a', value: 'one', created: entry.created, revision });
    assert.ok(
      Number.isSafeInteger(entry.created) && entry.created >= 1,
      '`created` is a whole number of at least 1',
    );
    assert.ok(Number.isSafeInteger(revision) && revision >= 1, '`revision` is a whole number of at least 1');
  });

  suite('an empty value is valid', async (store) => {
    await put(store, { a: '' });
    assert.equal(await valueAt(store, 'a'), '');
    const { previous } = await put(store, { a: 'x' });
    assert.equal(previous.get('a')?.value, '');
  });

  suite('characters of every Unicode plane are returned unchanged', async (store) => {
    for (let plane = 0; plane <= 16; plane += 1) {
      const base = plane * 0x10000;
      const value = String.fromCodePoint(base + 1, base + 0x41, base + 0x1234, base + 0xfffd, base + 0xffff);
      await put(store, { [`plane ${plane}`]: value, [`key ${value}`]: value });
      assert.equal(await valueAt(store, `plane ${plane}`), value);
      assert.equal(await valueAt(store, `key ${value}`), value);
    }
  });

  suite('every octet as a character, including control characters, is returned unchanged', async (store) => {
    const value = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    await put(store, { a: value, b: value.repeat(8) });
    assert.equal(await valueAt(store, 'a'), value);
    assert.equal(await valueAt(store, 'b'), value.repeat(8));
  });

  suite('values of 1 MiB are returned unchanged', async (store) => {
    const ascii = '0123456789abcdef'.repeat(65_536);
    const wide = '\u{1f600}é\n'.repeat(149_796);
    await put(store, { ascii, wide });
    assert.ok((await valueAt(store, 'ascii')) === ascii);
    assert.ok((await valueAt(store, 'wide')) === wide);
    const listed = await everything(store);
    assert.ok(listed[0]?.value === ascii && listed[1]?.value === wide, 'listed unchanged');
    const { previous } = await committed(store, { deletes: ['ascii', 'wide'] });
    assert.ok(
      previous.get('ascii')?.value === ascii && previous.get('wide')?.value === wide,
      'returned as the previous entries',
    );
  });

  suite('keys of 1,024 octets that differ only in the last character are different keys', async (store) => {
    const [one, other] = ['1', '2'].map((last) => 'k'.repeat(1_023) + last) as [string, string];
    const wide = '\u{1f600}'.repeat(256);
    await put(store, { [one]: 'one', [other]: 'other', [wide]: 'wide' });
    assert.equal(await valueAt(store, one), 'one');
    assert.equal(await valueAt(store, other), 'other');
    assert.equal(await valueAt(store, wide), 'wide');
  });

  suite('the core accepts keys of 1,024 octets and refuses keys of 64 KiB', async (store) => {
    const { adapter } = store;
    // The adapter is open already, and the harness closes it.
    const door = new StorageDoor({
      name: adapter.name,
      supports: adapter.supports,
      open: () => {},
      close: () => {},
      get: (key) => adapter.get(key),
      list: (page) => adapter.list(page),
      commit: (change) => adapter.commit(change),
    });
    await door.open();
    const [longest, tooLong] = ['k'.repeat(1_024), 'k'.repeat(65_536)] as const;
    await door.commit({ puts: [{ key: longest, value: 'x' }] });
    assert.equal((await door.get(longest))?.value, 'x');
    const calls: (() => unknown)[] = [
      () => door.get(tooLong),
      () => door.list({ prefix: tooLong, limit: 1 }),
      () => door.commit({ puts: [{ key: tooLong, value: 'x' }] }),
      () => door.commit({ deletes: [longest, tooLong] }),
      () => door.commit({ checks: [{ key: tooLong, revision: 0 }], deletes: [longest] }),
    ];
    for (const call of calls) {
      await assert.rejects(async () => call(), /has 65536 octets of UTF-8 and may have 1024/);
    }
    assert.deepEqual(keysOf(await everything(store)), [longest]);
  });

  suite('keys that break objects, query languages or file formats work like any other key', async (store) => {
    for (const key of HOSTILE_KEYS) assert.equal(await store.get(key), undefined, JSON.stringify(key));
    await committed(store, { puts: HOSTILE_KEYS.map((key) => ({ key, value: `value of ${key}` })) });
    for (const key of HOSTILE_KEYS) assert.equal(await valueAt(store, key), `value of ${key}`);
    assert.deepEqual(keysOf(await everything(store, 5)), HOSTILE_KEYS);
    const { previous } = await committed(store, { deletes: HOSTILE_KEYS });
    assert.deepEqual(new Set(previous.keys()), new Set<string>(HOSTILE_KEYS));
    assert.deepEqual(await everything(store), []);
  });
}
