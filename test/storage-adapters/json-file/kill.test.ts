/** Real processes, killed at any moment, with the journal alone and with constant checkpoints. */
import test, { type ExecutionContext } from 'ava';
import { verify } from '../../../storage-adapters/json-file/operator.js';
import { freshFolder, opened, otherProcess, storedIn } from './helpers.js';

async function holdsAll(
  t: ExecutionContext,
  path: string,
  acknowledged: ReadonlySet<string>,
): Promise<number> {
  const keys = (await storedIn(path)).map(([key]) => key ?? '');
  const found = new Set(keys);
  t.is(found.size, keys.length);
  for (const key of acknowledged) {
    if (!found.has(key) || !found.has(`${key} too`)) t.fail(`${key} was acknowledged and is gone`);
  }
  for (const key of keys) {
    if (!key.endsWith('too') && !found.has(`${key} too`)) t.fail(`${key} is half a commit`);
  }
  const numbers = keys.filter((key) => !key.endsWith('too')).map(Number);
  t.deepEqual(
    numbers,
    numbers.toSorted((one, other) => one - other),
    'creation order',
  );
  return (numbers.at(-1) ?? -1) + 1;
}

for (const how of ['writing', 'merging']) {
  test(`a process killed at any moment while ${how} loses no acknowledged commit`, async (t) => {
    const { path } = await freshFolder(t);
    const acknowledged = new Set<string>();
    let next = 0;
    for (let round = 0; round < 10; round += 1) {
      const writer = otherProcess(t, path, String(next), how);
      t.is(await writer.line(), 'opened');
      const enough = Math.floor(Math.random() * 60);
      for (let lines = 0; lines < enough; lines += 1) acknowledged.add((await writer.line()) ?? '');
      writer.kill('SIGKILL');
      for (let line = await writer.line(); line !== undefined; line = await writer.line())
        acknowledged.add(line);
      await writer.ended;
      next = await holdsAll(t, path, acknowledged);

      // Killed again during recovery, at some moment of its start.
      for (let starts = 0; starts < 2; starts += 1) {
        const starting = otherProcess(t, path, 'hold', how);
        const moment = Math.random();
        if (moment < 0.5) await new Promise((resolve) => setTimeout(resolve, 20 + moment * 200));
        else await starting.line();
        starting.kill('SIGKILL');
        await starting.ended;
      }
      t.is(await holdsAll(t, path, acknowledged), next);
    }
    t.true(acknowledged.size > 0);
    t.like(await verify(path), { sound: true, report: { origin: 'known' } });
    const adapter = await opened(t, { path });
    t.is(adapter.list({ limit: 1_000_000 }).entries.length, (await storedIn(path)).length);
  });
}
