/** `jackfield store adopt` and `discard`: run the repairs of an adapter for a store that it refuses to open. */
import { JackfieldError } from '../../errors.js';
import type { Command } from '../command.js';
import { terminalText } from '../terminal-text.js';
import { configuredStore, unlocked } from './named-store.js';

export const adopt = repair(
  'adopt',
  'accept data that is refused as edited or damaged, with all undamaged changes of the journal',
);
export const discard = repair(
  'discard',
  'accept data that is refused as edited or damaged, without the changes of the journal',
);

function repair(name: 'adopt' | 'discard', summary: string): Command {
  return {
    name: `store ${name}`,
    summary,
    takes: [],
    flags: ['config', 'json'],
    examples: [`jackfield store ${name}`, `jackfield store ${name} --config conf/live.json`],
    async run({ flags }, around) {
      const { repair: own, called } = await configuredStore(flags, around, false);
      const mend = own?.[name];
      if (mend === undefined) {
        throw new JackfieldError('REPAIR_UNKNOWN', `"${called}" does not offer "${name}".`);
      }
      const done = await unlocked(mend);
      around.stdout.write(
        flags.json === true
          ? `${JSON.stringify({ store: called, done }, null, 2)}\n`
          : `${terminalText(done)}\n`,
      );
      return 0;
    },
  };
}
