/** Space is reserved in a journal on a disk with any number of octets left: every answer is true. */
import { cp } from 'node:fs/promises';
import test from 'ava';
import { FaultyFiles } from './faulty-files.js';
import { freshFolder, opened, outcomeOf, pairsOf, puts } from './helpers.js';

const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };
const LENGTHS = [10, 300, 40, 700, 1];

for (const step of [60, 400, 5_000]) {
  test(`a disk that fills up while space is reserved, ${step} octets at a time, refuses whole commits and loses none`, async (t) => {
    const refused = new Set<number>();
    for (let left = 0; left < 1_900; left += 83) {
      const { folder, path } = await freshFolder(t);
      const files = new FaultyFiles();
      const room = { from: 0, step };
      const adapter = await opened(t, { path, files, checkpoints: NEVER, room });
      await adapter.commit(puts({ first: '1' }));
      const stored = [['first', '1']];
      const commit = async (key: string, length: number) => {
        const outcome = await outcomeOf(() => adapter.commit(puts({ [key]: 'x'.repeat(length) })));
        if (outcome === 'ok') stored.push([key, 'x'.repeat(length)]);
        return outcome;
      };
      files.room = left;
      for (const [at, length] of LENGTHS.entries()) {
        const outcome = await commit(`full ${at}`, length);
        // A journal of another length than expected would look as if somebody had changed it.
        t.true(['ok', 'STORAGE_FULL'].includes(outcome), `${outcome} with ${left} left`);
        if (outcome !== 'ok') refused.add(left);
      }
      files.room = Number.POSITIVE_INFINITY;
      for (const [at, length] of LENGTHS.entries()) t.is(await commit(`again ${at}`, length), 'ok');
      t.deepEqual(await pairsOf(adapter), stored);

      // After a kill, with the reserved space.
      const { folder: copy, path: copied } = await freshFolder(t);
      await cp(folder, copy, { recursive: true, filter: (name) => !name.includes('.lock-') });
      const restarted = await opened(t, { path: copied, checkpoints: NEVER, room });
      t.deepEqual(await pairsOf(restarted), stored);
      t.is(await outcomeOf(() => restarted.commit(puts({ more: '1' }))), 'ok');
      await restarted.close();
      await adapter.close();
    }
    t.true(refused.size > 3, `${refused.size} disks were too small`);
  });
}

test('space that could be reserved only in part is returned, and not requested again', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files, checkpoints: NEVER, room: { from: 0, step: 1_000 } });
  await adapter.commit(puts({ first: '1' }));
  files.mostAtOnce = 100;
  let writes = 0;
  files.faultOf = (operation) => {
    if (operation !== 'write data.json.journal.1') return undefined;
    writes += 1;
    return writes === 2 ? { code: 'ENOSPC', when: 'before' } : undefined;
  };
  const value = 'x'.repeat(1_500);
  for (const key of ['a', 'b']) t.is(await outcomeOf(() => adapter.commit(puts({ [key]: value }))), 'ok');
  t.true(writes < 2 + 2 * 17, `${writes} writes`);
  t.is((await pairsOf(adapter)).length, 3);
});
