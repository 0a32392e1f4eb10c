/**
 * The power fails while an operator repairs refused data: afterwards the repair is either complete or still to be made,
 * and nothing that it could use is lost.
 */
import test from 'ava';
import type { FileSystem } from '../../../storage-adapters/json-file/file-system.js';
import { adopt, discard } from '../../../storage-adapters/json-file/json-file.js';
import { adapterWith, outcomeOf, puts } from './helpers.js';
import { ModelFiles } from './model-files.js';

const PATH = '/model/data.json';
const lock = async () => ({ isHeld: async () => true, release: async () => {} });

const over = (files: FileSystem) =>
  adapterWith({
    lookEveryMs: 0,
    path: PATH,
    files,
    lock,
    checkpoints: { idleMs: 1_000_000_000, minOctets: 1_000_000_000 },
  });

/** The files of a killed server: a and b in the data file, two commits in the journal. */
async function killed(): Promise<Record<string, Uint8Array>> {
  const files = new ModelFiles();
  const adapter = over(files);
  await adapter.open();
  await adapter.commit(puts({ a: '1', b: '1' }));
  await adapter.checkpoint();
  await adapter.commit(puts({ c: '1' }));
  await adapter.commit(puts({ b: '2' }));
  return files.contents();
}

type Contents = Record<string, Uint8Array>;

/** The server writes the data in a canonical form; an edit may have the same form. */
const REFUSED: Readonly<Record<string, (contents: Contents) => Contents>> = {
  'an edit': (contents) => ({ ...contents, 'data.json': Buffer.from('{"a": "edited", "mine": "x"}') }),
  'an edit in the form that the server writes': (contents) => ({
    ...contents,
    'data.json': Buffer.from('{\n  "a": "edited",\n  "mine": "x"\n}\n'),
  }),
  'a damaged journal': (contents) => {
    const [name = '', octets = Buffer.alloc(0)] =
      Object.entries(contents).find(([one]) => one.includes('.journal.')) ?? [];
    const damaged = Buffer.from(octets);
    damaged[5] = 0x58;
    return { ...contents, [name]: damaged };
  },
};

async function pairsIn(files: FileSystem): Promise<string> {
  const adapter = over(files);
  await adapter.open();
  return JSON.stringify(adapter.list({ limit: 1_000 }).entries.map(({ key, value }) => [key, value]));
}

const named = (contents: Contents): Contents =>
  Object.fromEntries(Object.entries(contents).map(([name, octets]) => [name.replace(/^.*\//, ''), octets]));

for (const [what, refuse] of Object.entries(REFUSED)) {
  for (const decide of [adopt, discard]) {
    test(`${what}: ${decide.name} survives a power failure at any moment`, async (t) => {
      const before = named(await killed());
      const beginning = () =>
        ModelFiles.of(
          Object.fromEntries(
            Object.entries(refuse(before)).map(([name, octets]) => [`/model/${name}`, octets]),
          ),
        );
      t.not(await outcomeOf(() => over(beginning()).open()), 'ok', 'it is refused at first');
      const whole = beginning();
      await decide(PATH, { files: whole, lock });
      const decided = await pairsIn(whole);

      const files = beginning();
      const states: ModelFiles[] = [];
      const seen = new Set<string>();
      files.afterEach = () => {
        states.push(...files.afterPowerFailure(seen));
      };
      await decide(PATH, { files, lock });
      t.true(states.length > 10, `${states.length} states`);
      let open = 0;
      for (const state of states) {
        state.afterEach = () => {};
        const copy = ModelFiles.of(state.contents());
        const outcome = await outcomeOf(() => over(copy).open());
        if (outcome === 'ok') {
          t.is(await pairsIn(state), decided);
          continue;
        }
        open += 1;
        t.true(['STORAGE_EDITED', 'STORAGE_CORRUPT'].includes(outcome), outcome);
        await decide(PATH, { files: state, lock });
        t.is(await pairsIn(state), decided, 'decided again');
      }
      t.true(open > 0 && open < states.length);
    });
  }
}
