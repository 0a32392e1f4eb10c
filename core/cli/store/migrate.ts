/** `jackfield store migrate`: copies one store into another. The source is only read. */
import { JackfieldError } from '../../errors.js';
import type { Command } from '../command.js';
import { copyInto, mustBeKept } from './copy.js';
import { storeNamed } from './named-store.js';
import { entriesOf, pagesOf } from './pages.js';
import { printCopy } from './report-copy.js';
import { stoppable, withOpen } from './stoppable.js';

export const migrate: Command = {
  name: 'store migrate',
  summary: 'copy all entries of one store to another, in their order, and read them back',
  takes: [],
  flags: ['from', 'to', 'resume', 'merge', 'json'],
  examples: [
    'jackfield store migrate --from json-file:data.json --to lmdb:data.lmdb',
    'jackfield store migrate --from conf/old.json --to conf/new.json --resume',
  ],
  async run({ flags }, around) {
    const { from, to, resume, merge } = flags;
    if (from === undefined || to === undefined) {
      const missing = from === undefined ? '--from STORE' : '--to STORE';
      throw new JackfieldError(
        'USAGE',
        `"jackfield store migrate" needs ${missing}. See "jackfield store migrate --help".`,
      );
    }
    const source = await storeNamed(from, flags, around, true);
    const target = await storeNamed(to, flags, around, false);
    if (source.identity === target.identity) {
      throw new JackfieldError('USAGE', '--from and --to name the same store; nothing was copied.');
    }
    const copy = await stoppable(around, (signal, progress) =>
      withOpen(source.door, () =>
        withOpen(target.door, async () => {
          const before = await source.door.revision?.();
          const entries = () => entriesOf(pagesOf(source.door, signal));
          const copied = await copyInto(target.door, entries, { resume, merge, signal, progress });
          const after = await source.door.revision?.();
          if (after === before) return copied;
          throw new JackfieldError(
            'STORE_CHANGED',
            `its revision went from ${before} to ${after}. Stop the program that writes to it, then copy it to an empty target.`,
          );
        }),
      ),
    );
    await mustBeKept(copy, target, () => storeNamed(to, flags, around, false));
    printCopy(copy, { from, to }, flags, around.stdout);
    return 0;
  },
};
