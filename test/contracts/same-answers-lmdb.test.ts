/** With random calls, lmdb answers like memory, before and after a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { LmdbAdapter } from '../../storage-adapters/lmdb/lmdb.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { answersOf, steps } from './steps.js';

test('lmdb answers like memory, with the same numbers after a restart', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const folder = await mkdtemp(join(tmpdir(), 'jackfield-same-'));
      const path = join(folder, 'data.lmdb');
      const expected = await answersOf(new MemoryAdapter(), all);
      t.deepEqual(await answersOf(new LmdbAdapter({ path }), all), expected);
      t.deepEqual(await answersOf(new LmdbAdapter({ path }), []), [expected.at(-1)]);
      await rm(folder, { recursive: true });
    }),
    { numRuns: 30 },
  );
});
