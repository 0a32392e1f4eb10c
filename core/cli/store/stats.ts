/** `jackfield store stats`: prints the content of a store and the promises of its adapter. */
import type { StorageDoor } from '../../storage/storage-door.js';
import type { Command } from '../command.js';
import { configuredStore, tellUnseen } from './named-store.js';
import { pagesOf } from './pages.js';
import type { Progress } from './progress.js';
import { stoppable, withOpen } from './stoppable.js';

export const stats: Command = {
  name: 'store stats',
  summary: 'count entries, octets and expiring entries, and show the promises of the adapter',
  takes: [],
  flags: ['config', 'json'],
  examples: ['jackfield store stats', 'jackfield store stats --json'],
  async run({ flags }, around) {
    const { door } = await configuredStore(flags, around, true);
    const counted = await stoppable(around, (signal, progress) =>
      withOpen(door, () => count(door, signal, progress)),
    );
    const { durable, shared, bounded, watch } = door.supports;
    const report = { adapter: door.name, ...counted, supports: { durable, shared, bounded, watch } };
    around.stdout.write(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : table(report));
    tellUnseen(door, counted.entries, around.stderr);
    return 0;
  },
};

interface Counted {
  readonly entries: number;
  readonly keyOctets: number;
  readonly valueOctets: number;
  readonly expiring: number;
  /** Of the existing entries; null if there are none. */
  readonly oldestRevision: number | null;
  readonly newestRevision: number | null;
  /** The revision of the store, which also counts deletes; null if the adapter does not report it. */
  readonly revision: number | null;
}

async function count(door: StorageDoor, signal: AbortSignal, progress: Progress): Promise<Counted> {
  let [entries, keyOctets, valueOctets, expiring] = [0, 0, 0, 0];
  let [oldest, newest] = [Number.POSITIVE_INFINITY, 0];
  for await (const page of pagesOf(door, signal)) {
    for (const { key, value, revision, expiresAt } of page) {
      entries += 1;
      keyOctets += Buffer.byteLength(key);
      valueOctets += Buffer.byteLength(value);
      if (expiresAt !== undefined) expiring += 1;
      oldest = Math.min(oldest, revision);
      newest = Math.max(newest, revision);
    }
    progress.tell('counted', entries);
  }
  return {
    entries,
    keyOctets,
    valueOctets,
    expiring,
    oldestRevision: entries === 0 ? null : oldest,
    newestRevision: entries === 0 ? null : newest,
    revision: (await door.revision?.()) ?? null,
  };
}

function table({
  adapter,
  supports,
  ...counted
}: Counted & { readonly adapter: string; readonly supports: Readonly<Record<string, unknown>> }): string {
  const rows: [string, unknown][] = [
    ['adapter', adapter],
    ['entries', counted.entries],
    ['octets of keys', counted.keyOctets],
    ['octets of values', counted.valueOctets],
    ['entries that expire', counted.expiring],
    ['oldest revision', counted.oldestRevision ?? '-'],
    ['newest revision', counted.newestRevision ?? '-'],
    ['revision of the store', counted.revision ?? '-'],
    ...Object.entries(supports),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
