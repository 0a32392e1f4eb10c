/** Random commits with checkpoints, kills and restarts at random moments, against the naive model. */
import test from 'ava';
import fc from 'fast-check';
import type { Change } from '../../../core/storage/contract.js';
import { adapterWith } from './helpers.js';
import { ModelFiles } from './model-files.js';
import { NaiveModel, stateOf } from './naive-model.js';

type Step =
  | { readonly do: 'commit'; readonly change: Change }
  | { readonly do: 'checkpoint' | 'restart' | 'kill' | 'wait' };

const key = fc.constantFrom('a', 'b', 'ab', '10', '9', '__proto__', 'é');
const commit = fc
  .record({
    checks: fc.array(fc.record({ key, revision: fc.nat(6) }), { maxLength: 1 }),
    keys: fc.uniqueArray(key, { maxLength: 4 }),
    value: fc.string({ unit: 'binary', maxLength: 8 }),
    expires: fc.boolean(),
    deletes: fc.nat(2),
  })
  .map(({ checks, keys, value, expires, deletes }): Step => {
    const ttl = expires ? { ttlMs: 3_600_000 } : {};
    const puts = keys.slice(deletes).map((put, at) => ({ key: put, value: `${value}${at}`, ...ttl }));
    return { do: 'commit', change: { checks, puts, deletes: keys.slice(0, deletes) } };
  });
const step = fc.oneof(
  { weight: 6, arbitrary: commit },
  fc.constantFrom<Step>({ do: 'checkpoint' }, { do: 'restart' }, { do: 'kill' }, { do: 'wait' }),
);

const over = (files: ModelFiles) =>
  adapterWith({
    lookEveryMs: 0,
    path: '/model/data.json',
    files,
    lock: async () => ({ isHeld: async () => true, release: async () => {} }),
    checkpoints: { idleMs: 1_000_000_000, minOctets: 1_000_000_000 },
  });

test('whatever is done in any order, the store has the entries of the model', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.infiniteStream(fc.nat(1_000)),
      async (steps, choices) => {
        const model = new NaiveModel();
        let files = new ModelFiles();
        let adapter = over(files);
        await adapter.open();
        /** Answers that have not arrived yet, with those of the model. */
        let pending: Promise<void>[] = [];
        let merging: Promise<unknown> = Promise.resolve();
        const settle = async () => {
          await Promise.all(pending);
          pending = [];
        };
        const matches = () => {
          t.is(stateOf(adapter.list({ limit: 1_000 }).entries, adapter.revision()), model.state());
        };
        for (const { do: what, ...rest } of steps) {
          if ('change' in rest) {
            const { change } = rest;
            const conflict = model.commit(change);
            pending.push(
              Promise.resolve(adapter.commit(change)).then((result) => {
                t.is(result.ok ? undefined : result.conflict, conflict);
              }),
            );
          } else if (what === 'checkpoint') merging = adapter.checkpoint();
          else if (what === 'wait') {
            await settle();
            matches();
          } else {
            await settle();
            if (what === 'restart') await adapter.close();
            else {
              // The checkpoint may be at any step; what it does from here on does not reach this disk.
              const states = files.afterPowerFailure();
              const [choice = 0] = [...choices.take(1)];
              files = states[choice % states.length] ?? files;
            }
            adapter = over(files);
            await adapter.open();
            matches();
          }
        }
        await settle();
        await merging.catch(() => {});
        matches();
        await adapter.close();
        adapter = over(files);
        await adapter.open();
        matches();
      },
    ),
    { numRuns: 150 },
  );
});
