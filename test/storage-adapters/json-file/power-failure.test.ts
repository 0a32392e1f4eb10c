import test from 'ava';
import type { Change, CommitResult } from '../../../core/storage/contract.js';
import type { FileSystem } from '../../../storage-adapters/json-file/file-system.js';
import { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { entriesOf, puts } from './helpers.js';
import { ModelFiles } from './model-files.js';

const PATH = '/model/data.json';
const HOUR_MS = 3_600_000;

const over = (files: FileSystem) =>
  new JsonFileAdapter({
    path: PATH,
    files,
    lock: async () => ({ isHeld: async () => true, release: async () => {} }),
  });

/** Everything that a state means: the entries with their expiry, in order. */
async function stateIn(files: FileSystem): Promise<string> {
  const adapter = over(files);
  await adapter.open();
  const state = await stateOf(adapter);
  await adapter.close();
  return state;
}

async function stateOf(adapter: JsonFileAdapter): Promise<string> {
  return JSON.stringify(
    (await entriesOf(adapter)).map(({ key, value, expiresAt }) => [key, value, expiresAt]),
  );
}

const CHANGES: Change[] = [
  puts({ '10': 'a', '9': 'b' }),
  { puts: [{ key: 'session', value: 'x', ttlMs: HOUR_MS }] },
  puts({ '9': 'changed', c: 'new' }),
  { puts: [{ key: 'session', value: 'x', ttlMs: 2 * HOUR_MS }] },
  { puts: [{ key: 'other', value: 'y', ttlMs: HOUR_MS }], deletes: ['session'] },
  puts({ other: 'y' }),
  { deletes: ['other', '10'] },
  puts({ '10': 'again' }),
];

test('whenever the power fails, the store holds the old or the new state, and what was answered is the new', async (t) => {
  const files = new ModelFiles();
  let old = JSON.stringify([]);
  const failures: { states: ModelFiles[]; answered: boolean; commit: number }[] = [];
  let commit = 0;
  let answered = true;
  const watched = afterEach(files, () => {
    failures.push({ states: files.afterPowerFailure(), answered, commit });
  });
  const adapter = over(watched);
  await adapter.open();
  const allowed: string[][] = [];
  for (const change of CHANGES) {
    answered = false;
    const result: CommitResult = await adapter.commit(change);
    t.true(result.ok);
    answered = true;
    const state = await stateOf(adapter);
    failures.push({ states: files.afterPowerFailure(), answered, commit });
    allowed.push([old, state]);
    old = state;
    commit += 1;
  }
  await adapter.close();

  let looked = 0;
  for (const { states, answered, commit } of failures) {
    for (const state of states) {
      const found = await stateIn(state);
      const [before = '', after = ''] = allowed[commit] ?? [];
      if (answered) t.is(found, after, `answered commit ${commit}`);
      else t.true(found === before || found === after, `commit ${commit} left ${found}`);
      looked += 1;
    }
  }
  t.true(looked > 300, `${looked} states`);
});

/** The same files; `look` runs behind every operation that changes something. */
function afterEach(files: ModelFiles, look: () => void): FileSystem {
  const looked = async <T>(done: Promise<T>): Promise<T> => {
    const result = await done;
    look();
    return result;
  };
  return {
    read: (path) => files.read(path),
    stat: (path) => files.stat(path),
    list: () => files.list(),
    realPath: (path) => files.realPath(path),
    readLink: (path) => files.readLink(path),
    rename: (from, to) => looked(files.rename(from, to)),
    link: (existing, name) => looked(files.link(existing, name)),
    unlink: (path) => looked(files.unlink(path)),
    syncFolder: () => looked(files.syncFolder()),
    create: async (path) => {
      const file = await looked(files.create(path));
      return {
        ...file,
        write: (octets) => looked(file.write(octets)),
        sync: () => looked(file.sync()),
      };
    },
  };
}
