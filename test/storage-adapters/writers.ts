/** Writers that continue through all failures, and remember their answers. */
import type { ExecutionContext } from 'ava';
import { type StorageAdapter, StorageError } from '../../core/storage/contract.js';

export interface Writers {
  /** Resolves when so many more commits were acknowledged, for any time. */
  acknowledge(more: number): Promise<void>;
  stop(): Promise<void>;
  readonly refused: number;
  readonly unknown: number;
  /** Missing and unexpected entries of the store, and codes that an outage does not have. */
  faults(): Promise<string[]>;
}

/** Each commit puts two new keys, so that a partial commit would show. */
export function writersOf(adapter: StorageAdapter, count = 8): Writers {
  const acknowledged = new Set<string>();
  const refused = new Set<string>();
  const unknown = new Set<string>();
  const strange: string[] = [];
  let isOver = false;
  const write = async (name: number) => {
    for (let number = 0; !isOver; number += 1) {
      const key = `${name}-${number}`;
      try {
        const puts = [key, `${key} too`].map((one) => ({ key: one, value: `of ${key}` }));
        await adapter.commit({ puts });
        acknowledged.add(key);
      } catch (error) {
        const code = error instanceof StorageError ? error.code : String(error);
        if (code === 'STORAGE_UNAVAILABLE') refused.add(key);
        else if (code === 'STORAGE_OUTCOME_UNKNOWN') unknown.add(key);
        else strange.push(`${key}: ${code}`);
        // A client pauses between calls during an outage.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  const running = Array.from({ length: count }, (_, name) => write(name));
  return {
    async acknowledge(more) {
      const enough = acknowledged.size + more;
      while (acknowledged.size < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
    get refused() {
      return refused.size;
    },
    get unknown() {
      return unknown.size;
    },
    async faults() {
      const found = new Map<string, string>();
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page = await adapter.list({ after, limit: 1_000 });
        for (const { key, value } of page.entries) found.set(key, value);
        after = page.next;
      }
      const faults = [...strange];
      for (const key of acknowledged) {
        const isWhole = found.get(key) === `of ${key}` && found.get(`${key} too`) === `of ${key}`;
        if (!isWhole) faults.push(`${key} was acknowledged and is not there`);
      }
      for (const key of refused) {
        if (found.has(key) || found.has(`${key} too`)) faults.push(`${key} was refused and is there`);
      }
      for (const key of unknown) {
        if (found.has(key) !== found.has(`${key} too`)) faults.push(`${key} is there by halves`);
      }
      return faults;
    },
  };
}

/** A server that is killed and restarted three times under load: acknowledged commits exist, and nothing else. */
export async function survivesKills(
  t: ExecutionContext,
  adapter: StorageAdapter,
  server: { kill(): Promise<unknown>; start(): Promise<unknown> },
  commits: number,
): Promise<void> {
  const writers = writersOf(adapter);
  for (let round = 0; round < 3; round += 1) {
    await writers.acknowledge(commits);
    await server.kill();
    await server.start();
  }
  await writers.acknowledge(commits);
  await writers.stop();
  t.deepEqual(await writers.faults(), []);
  t.true(writers.refused + writers.unknown > 0);
}
