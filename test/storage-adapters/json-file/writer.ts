/**
 * A program, not a test: opens the data file and reports that, then writes keys from a number on and prints each
 * acknowledged one. Arguments: the path; the first number, `hold` to only keep the file open until stdin ends, or
 * `leave` to reach the end of the program without closing; `merging` for constant checkpoints.
 */
import { writeSync } from 'node:fs';
import { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';

const [path = '', first = 'hold', how] = process.argv.slice(2);
const checkpoints = how === 'merging' ? { minOctets: 1, idleMs: 1 } : undefined;
const adapter = new JsonFileAdapter({ path }, { checkpoints });
// Synchronous, so that the line is written before anything else happens.
const say = (line: string) => writeSync(1, `${line}\n`);

try {
  await adapter.open();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
say('opened');

if (first === 'hold') {
  process.stdin.on('end', () => process.exit(0)).resume();
} else if (first !== 'leave') {
  let next = Number(first);
  const write = async () => {
    for (;;) {
      const key = String(next);
      next += 1;
      const put = adapter.commit({
        puts: [
          { key, value: `value of ${key}` },
          { key: `${key} too`, value: key },
        ],
      });
      try {
        await put;
      } catch (error) {
        say(`failed: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      say(key);
    }
  };
  await Promise.all([write(), write(), write()]);
}
