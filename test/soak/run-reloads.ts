/** Any number of reloads: `npm run soak:reload -- [reloads]`. Prints the usage of the server. */
import { isDeepStrictEqual } from 'node:util';
import { reloads } from './reloads.js';

/**
 * Code that V8 compiles when it becomes hot. A leak of one instance per reload would be 65,536 octets times the count.
 */
const HEAP_SLACK_OCTETS = 4 * 2 ** 20;

const count = Math.ceil(Number(process.argv[2] ?? 500) / 24) * 24;
const { atQuarter, atEnd, wrong, odd, exitCode } = await reloads(count);
console.log(`${count} reloads, exit code ${exitCode}`);
console.log('after a quarter', atQuarter);
console.log('after all', atEnd);
for (const line of [...wrong, ...odd].slice(0, 10)) console.log(line);
const isSame = isDeepStrictEqual({ ...atQuarter, heap: 0 }, { ...atEnd, heap: 0 });
const isSound =
  isSame &&
  atEnd.heap <= atQuarter.heap + HEAP_SLACK_OCTETS &&
  wrong.length === 0 &&
  // The feed that stays open from the first reload to the last.
  odd.length === 1 &&
  exitCode === 0;
console.log(isSound ? 'What the server holds is bounded.' : 'The server is not as it was.');
process.exitCode = isSound ? 0 : 1;
