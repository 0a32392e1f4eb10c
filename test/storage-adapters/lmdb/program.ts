/**
 * A program, not a test: opens the store in the folder of its first argument, reports that, and runs the command of the
 * second argument.
 *
 * - `write NAME`: commits pairs of keys, several at a time, without end, and prints each acknowledged key.
 * - `grow NAME`: the same with values of 64 KiB, so that the map grows all the time.
 * - `count TIMES`: increments a counter so many times, with several checked steps racing.
 * - `put KEY VALUE`: puts one entry and ends.
 * - `fill OCTETS`: commits values of that size until one is refused, prints the code, then the acknowledged keys.
 * - `page`: pages through the store and prints the octets of its values.
 */
import { writeSync } from 'node:fs';
import { StorageError } from '../../../core/storage/contract.js';
import { LmdbAdapter } from '../../../storage-adapters/lmdb/lmdb.js';

const [path = '', does = '', argument = '', value = ''] = process.argv.slice(2);
const adapter = new LmdbAdapter({ path });
// Synchronous, so that the line is written before anything else happens.
const say = (line: string) => writeSync(1, `${line}\n`);

const DOES: Readonly<Record<string, () => Promise<unknown>>> = {
  async write() {
    let next = 0;
    const writer = async () => {
      for (;;) {
        const key = `${argument}-${next}`;
        next += 1;
        await adapter.commit({
          puts: [
            { key, value: `value of ${key}` },
            { key: `${key} too`, value: key },
          ],
        });
        say(key);
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
  },
  async grow() {
    const filling = 'v'.repeat(65_536);
    const writer = async (at: number) => {
      for (let next = 0; ; next += 1) {
        const key = `${argument}-${at}-${next}`;
        await adapter.commit({
          puts: [
            { key, value: `value of ${key}` },
            { key: `${key} too`, value: `${key} ${filling}` },
          ],
        });
        say(key);
      }
    };
    await Promise.all([0, 1, 2].map(writer));
  },
  async count() {
    let left = Number(argument);
    const writer = async () => {
      while (left > 0) {
        left -= 1;
        for (let done = false; !done; ) {
          const before = adapter.get('counter');
          const checks = [{ key: 'counter', revision: before?.revision ?? 0 }];
          const puts = [{ key: 'counter', value: String(Number(before?.value ?? 0) + 1) }];
          done = (await adapter.commit({ checks, puts })).ok;
        }
      }
    };
    await Promise.all(Array.from({ length: 4 }, writer));
  },
  put: async () => adapter.commit({ puts: [{ key: argument, value }] }),
  async fill() {
    let acknowledged = 0;
    try {
      for (;;) {
        await adapter.commit({
          puts: [{ key: `fill ${acknowledged}`, value: 'x'.repeat(Number(argument)) }],
        });
        acknowledged += 1;
      }
    } catch (error) {
      say(error instanceof StorageError ? error.code : String(error));
    }
    say(String(acknowledged));
    say(String(adapter.list({ limit: 1_000_000 }).entries.length));
    // Changes that free space must still work.
    for (let key = 0; key < acknowledged / 2; key += 1) await adapter.commit({ deletes: [`fill ${key}`] });
    await adapter.commit({ puts: [{ key: 'small', value: 'fits again' }] });
    say(adapter.get('small')?.value ?? 'lost');
  },
  async page() {
    let octets = 0;
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = adapter.list({ after, limit: 10 });
      for (const entry of page.entries) octets += Buffer.byteLength(entry.value);
      after = page.next as number | undefined;
    }
    say(String(octets));
  },
};

await adapter.open();
say('opened');
await DOES[does]?.();
await adapter.close();
say('done');
