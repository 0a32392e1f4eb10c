/** The settings of the server, as far as it reports them. */
import { StorageError } from '../../core/storage/contract.js';
import { Refusal } from './failures.js';
import type { Link } from './link.js';
import type { Keys } from './packed.js';
import { MEMORY } from './scripts.js';

/** Errors: STORAGE_UNREADABLE; those of the link. */
export async function inspect(
  link: Link,
  { entries, numbers }: Keys,
  { waitForDisk, durable }: { readonly waitForDisk: boolean; readonly durable: boolean },
): Promise<{ isDurable: boolean; appendFsync: string | undefined }> {
  const format = await link.send(['HGET', numbers, 'format']);
  if (format !== null && format !== '1') {
    throw new StorageError(
      'STORAGE_UNREADABLE',
      `The entries in Redis have format ${String(format)}, but this jackfield reads format 1.`,
    );
  }
  await refuseEviction(link, entries);
  const [appendOnly, sync] = [await setting(link, 'appendonly'), await setting(link, 'appendfsync')];
  const isSynced =
    appendOnly === undefined || sync === undefined ? durable : appendOnly === 'yes' && sync === 'always';
  return { isDurable: waitForDisk || isSynced, appendFsync: sync };
}

/** Undefined if the server does not say it: many hosted servers forbid CONFIG. */
async function setting(link: Link, name: string): Promise<string | undefined> {
  try {
    const answer = await link.send(['CONFIG', 'GET', name]);
    return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : undefined;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/**
 * A policy over all keys does not evict single entries: it evicts all entries of a namespace at once, or only their
 * order.
 */
async function refuseEviction(link: Link, key: string): Promise<void> {
  let memory: string;
  try {
    memory = String(await link.run(MEMORY, [key], []));
  } catch (error) {
    if (error instanceof Refusal) return;
    throw error;
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? '';
  const bound = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  if (bound === 0 || !policy.startsWith('allkeys')) return;
  throw new StorageError(
    'STORAGE_UNREADABLE',
    `Redis evicts any key when its memory is full (maxmemory-policy ${policy}), which can delete all entries; set noeviction.`,
  );
}
