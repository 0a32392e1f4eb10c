/** A soak of any length: `npm run soak -- [exchanges] [seed]`. Prints the usage of the server. */
import { shown } from '../support/measured.js';
import { mayHold, unexpected } from './bounds.js';
import { soak } from './soak.js';

const [count = '200000', seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
console.log(`seed ${seed}, ${count} exchanges`);
const { exchanges, visits, atQuarter, atEnd, log, exitCode } = await soak(Number(count), Number(seed));
for (const [name, times] of [...visits].sort()) console.log(`${String(times).padStart(8)} ${name}`);
console.log(`${exchanges} exchanges, exit code ${exitCode}`);
console.log(shown('after a quarter', atQuarter));
console.log(shown('after all', atEnd));
const odd = log.filter(unexpected);
for (const line of odd.slice(0, 10)) console.log(JSON.stringify(line));
const isSound = mayHold(atQuarter, atEnd) && odd.length === 0 && exitCode === 0;
console.log(isSound ? 'What the server holds is bounded.' : 'The server is not as it was.');
process.exitCode = isSound ? 0 : 1;
