import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { freshPath, opened, PROGRAM, put, running } from './helpers.js';

const MEBI = 1_048_576;

test('the map grows with the data, even under an older reader', async (t) => {
  const path = await freshPath(t);
  const reader = await opened(t, { path });
  const writer = await opened(t, { path });
  await put(writer, 'first', 'x');
  const value = 'v'.repeat(MEBI / 2);
  for (let n = 0; n < 64; n += 1) {
    await put(writer, `large ${n}`, value);
    t.is(reader.get(`large ${n}`)?.value.length, value.length);
  }
  t.true((await stat(join(path, 'data.mdb'))).size > 32 * MEBI, 'far beyond the first map of 128 KiB');
  t.is(reader.get('first')?.value, 'x');
  await writer.close();
  t.is((await opened(t, { path })).list({ limit: 100 }).entries.length, 65);
});

test('a store larger than the heap can be opened, paged through and written', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path, historyChanges: 1 });
  const value = 'v'.repeat(MEBI);
  const puts = Array.from({ length: 96 }, (_, n) => put(adapter, `large ${n}`, value));
  await Promise.all(puts);
  await adapter.close();
  // The values alone are twice the heap limit of this process.
  const other = running(t, process.execPath, ['--max-old-space-size=48', PROGRAM, path, 'page']);
  t.is(await other.line(), 'opened');
  t.is(await other.line(), String(96 * MEBI));
  t.is(await other.line(), 'done');
});

test('a commit without space is STORAGE_FULL and changes nothing, and freed space can be used', async (t) => {
  const path = await freshPath(t);
  // The system refuses a file over 4 MiB like a full disk.
  const command = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`;
  const other = running(t, '/bin/bash', ['-c', command, process.execPath, PROGRAM, path, 'fill', '100000']);
  t.is(await other.line(), 'opened');
  t.is(await other.line(), 'STORAGE_FULL');
  const acknowledged = Number(await other.line());
  t.true(acknowledged > 10);
  t.is(Number(await other.line()), acknowledged);
  t.is(await other.line(), 'fits again');
  t.is(await other.line(), 'done');
  const adapter = await opened(t, { path });
  t.is(adapter.get(`fill ${acknowledged - 1}`)?.value.length, 100_000);
  t.is(adapter.get('small')?.value, 'fits again');
});
