/** Reloads for as long as one likes: `npm run soak:reload -- [reloads]`. Prints what the server held. */
import { isDeepStrictEqual } from 'node:util';
import { reloads } from './reloads.js';

/** What V8 compiles as it becomes hot; a leak of one instance each time would be 65,536 octets times the count. */
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
  // The feed that is open from the first to the last.
  odd.length === 1 &&
  exitCode === 0;
console.log(isSound ? 'What the server holds is bounded.' : 'The server is not as it was.');
process.exitCode = isSound ? 0 : 1;
