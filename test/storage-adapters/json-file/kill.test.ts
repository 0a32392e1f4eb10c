import test from 'ava';
import { freshFolder, onDisk, opened, otherProcess } from './helpers.js';

test('a process killed at any moment has lost nothing that it acknowledged', async (t) => {
  const { path } = await freshFolder(t);
  const acknowledged = new Set<string>();
  let next = 0;
  for (let round = 0; round < 10; round += 1) {
    const writer = otherProcess(t, path, String(next));
    t.is(await writer.line(), 'opened');
    const enough = Math.floor(Math.random() * 40);
    for (let lines = 0; lines < enough; lines += 1) acknowledged.add((await writer.line()) ?? '');
    writer.kill('SIGKILL');
    for (let line = await writer.line(); line !== undefined; line = await writer.line())
      acknowledged.add(line);
    await writer.ended;

    const keys = onDisk(path).map(([key]) => key ?? '');
    const found = new Set(keys);
    for (const key of acknowledged) {
      t.true(found.has(key) && found.has(`${key} too`), `${key} was acknowledged and is gone`);
    }
    for (const key of keys)
      if (!key.endsWith('too')) t.true(found.has(`${key} too`), `${key} is half a commit`);
    const numbers = keys.filter((key) => !key.endsWith('too')).map(Number);
    t.deepEqual(
      numbers,
      numbers.toSorted((one, other) => one - other),
      'creation order',
    );
    next = (numbers.at(-1) ?? -1) + 1;
  }
  const adapter = await opened(t, { path });
  t.is(adapter.list({ limit: 1_000_000 }).entries.length, onDisk(path).length);
  t.true(acknowledged.size > 0);
});
