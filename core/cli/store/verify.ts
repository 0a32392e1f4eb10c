/** `jackfield store verify`: the adapter's own check, then reads every entry through the contract. */
import type { Entry } from '../../storage/contract.js';
import { quoted, type StorageDoor } from '../../storage/storage-door.js';
import type { Command, Output } from '../command.js';
import { terminalText } from '../terminal-text.js';
import { configuredStore, tellUnseen, unlocked } from './named-store.js';
import { pagesOf } from './pages.js';
import { entryCount, type Progress } from './progress.js';
import { stoppable, withOpen } from './stoppable.js';

/** More faults add nothing. */
const MOST_FAULTS = 20;

export const verify: Command = {
  name: 'store verify',
  summary: 'read the whole store and check that it is consistent; exit code 1 if it is not',
  takes: [],
  flags: ['config', 'json'],
  examples: ['jackfield store verify', 'jackfield store verify --config conf/live.json --json'],
  async run({ flags }, around) {
    const store = await configuredStore(flags, around, true);
    const own = await unlocked(() => store.verify?.());
    const faults = [...(own?.faults ?? [])];
    let entries: number | null = null;
    // Do not open a store that the adapter finds damaged: opening it would fail, or worse.
    if (faults.length === 0) {
      entries = await stoppable(around, (signal, progress) =>
        withOpen(store.door, () => readThrough(store.door, faults, signal, progress)),
      );
    }
    const report = {
      store: store.called,
      sound: faults.length === 0,
      entries,
      faults,
      notes: own?.notes ?? {},
    };
    if (flags.json === true) around.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else print(report, around.stdout);
    tellUnseen(store.door, entries, around.stderr);
    return report.sound ? 0 : 1;
  },
};

interface Report {
  readonly store: string;
  readonly entries: number | null;
  readonly faults: readonly string[];
  readonly notes: Readonly<Record<string, unknown>>;
}

function print({ store, entries, faults, notes }: Report, stdout: Output): void {
  for (const fault of faults) stdout.write(`FAULT ${terminalText(fault)}\n`);
  for (const [name, value] of Object.entries(notes)) stdout.write(`${terminalText(`${name}: ${value}`)}\n`);
  const count = faults.length;
  if (count === 0) stdout.write(`${store} is sound: ${entryCount(entries ?? 0)}\n`);
  else stdout.write(`${store} is not sound: ${count} ${count === 1 ? 'fault' : 'faults'}\n`);
}

async function readThrough(
  door: StorageDoor,
  faults: string[],
  signal: AbortSignal,
  progress: Progress,
): Promise<number> {
  const fault = (sentence: string) => {
    if (faults.length < MOST_FAULTS) faults.push(sentence);
    else if (faults.length === MOST_FAULTS) faults.push('And more.');
  };
  const before = await door.revision?.();
  let [entries, created, newest] = [0, 0, 0];
  for await (const page of pagesOf(door, signal)) {
    for (const entry of page) {
      entries += 1;
      if (entry.created <= created) fault(`${quoted(entry.key)} is not listed in creation order.`);
      created = entry.created;
      newest = Math.max(newest, entry.revision);
      // If each entry is the one that `get` returns for its key, the keys are unique.
      const difference = await differenceAt(door, entry, before);
      if (difference !== undefined) fault(difference);
    }
    progress.tell('checked', entries);
  }
  const after = await door.revision?.();
  if (after !== undefined && newest > after) {
    fault(`An entry has revision ${newest}, but the store has reached only ${after}.`);
  }
  return entries;
}

async function differenceAt(
  door: StorageDoor,
  entry: Entry,
  before: number | undefined,
): Promise<string | undefined> {
  const given = await door.get(entry.key);
  const same = (['value', 'created', 'revision', 'expiresAt'] as const).every(
    (part) => given?.[part] === entry[part],
  );
  if (same) return undefined;
  if (given === undefined && entry.expiresAt !== undefined && entry.expiresAt <= Date.now()) return undefined;
  // In a shared store others may write meanwhile; a store with a feed shows whether they did.
  if (before !== undefined && (await door.revision?.()) !== before) return undefined;
  return `${quoted(entry.key)} is different in the listing than under its key.`;
}
