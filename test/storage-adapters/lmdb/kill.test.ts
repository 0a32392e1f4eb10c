import test from 'ava';
import { entriesOf, freshPath, opened, otherProcess } from './helpers.js';

test('processes killed at any moment lose no acknowledged commit and leave none in part', async (t) => {
  const path = await freshPath(t);
  const acknowledged = new Set<string>();
  for (let round = 0; round < 8; round += 1) {
    const writers = [0, 1].map((at) => otherProcess(t, path, 'write', `${round}.${at}`));
    for (const writer of writers) t.is(await writer.line(), 'opened');
    for (const writer of writers) {
      const enough = 1 + Math.floor(Math.random() * 30);
      for (let lines = 0; lines < enough; lines += 1) acknowledged.add((await writer.line()) ?? '');
      // The other process continues to write meanwhile.
      writer.kill('SIGKILL');
      for (let line = await writer.line(); line !== undefined; line = await writer.line())
        acknowledged.add(line);
      await writer.ended;
    }
  }
  const adapter = await opened(t, { path });
  const entries = entriesOf(adapter);
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  for (const key of acknowledged) {
    t.is(values.get(key), `value of ${key}`, `${key} was acknowledged`);
    t.is(values.get(`${key} too`), key, `${key} was acknowledged`);
  }
  for (const key of values.keys()) {
    const whole = key.endsWith(' too') ? values.has(key.slice(0, -4)) : values.has(`${key} too`);
    t.true(whole, `${key} is half a commit`);
  }
  const created = entries.map((entry) => entry.created);
  t.deepEqual(
    created,
    Array.from({ length: entries.length }, (_, at) => at + 1),
  );
  t.is(adapter.revision(), entries.length / 2);
});

test('processes killed while the map grows lose nothing and lock nobody out', async (t) => {
  const path = await freshPath(t);
  const acknowledged = new Set<string>();
  // It is open all the time, with the old map.
  const reader = await opened(t, { path, historyChanges: 1 });
  for (let round = 0; round < 5; round += 1) {
    const writers = [0, 1, 2].map((at) => otherProcess(t, path, 'grow', `${round}.${at}`));
    for (const writer of writers) t.is(await writer.line(), 'opened');
    for (const writer of writers) {
      const enough = 1 + Math.floor(Math.random() * 12);
      for (let lines = 0; lines < enough; lines += 1) acknowledged.add((await writer.line()) ?? '');
      writer.kill('SIGKILL');
      for (let line = await writer.line(); line !== undefined; line = await writer.line())
        acknowledged.add(line);
      await writer.ended;
      t.true((await reader.commit({ puts: [{ key: 'between', value: 'x' }] })).ok, 'nobody holds the lock');
    }
    for (const key of acknowledged) {
      t.is(reader.get(key)?.value, `value of ${key}`);
      t.true(reader.get(`${key} too`)?.value.startsWith(`${key} `));
    }
  }
  await reader.close();
  const keys = new Set(entriesOf(await opened(t, { path })).map(({ key }) => key));
  for (const key of acknowledged) t.true(keys.has(key) && keys.has(`${key} too`), key);
  for (const key of keys)
    if (key.endsWith(' too')) t.true(keys.has(key.slice(0, -4)), `${key} is half a commit`);
});
