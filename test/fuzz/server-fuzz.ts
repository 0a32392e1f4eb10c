/** The fuzz over sockets for a given time: `npm run fuzz:server -- [seconds] [seed]`. */
import { mayHold } from '../soak/bounds.js';
import { shown } from '../support/measured.js';
import { fuzzServer, STANDARD, WITH_CLASSIC } from './live-server.js';

const CONNECTIONS_PER_ROUND = 4_000;

const [seconds = '60', seedText = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
const end = Date.now() + Number(seconds) * 1_000;
let seed = Number(seedText);
if (!(Number(seconds) > 0) || !Number.isInteger(seed)) {
  console.error('npm run fuzz:server -- [seconds] [seed]');
  process.exit(1);
}
while (Date.now() < end && process.exitCode === undefined) {
  for (const plugins of [STANDARD, WITH_CLASSIC]) {
    console.log(`seed ${seed}, ${plugins === STANDARD ? 'standard' : 'with the classic dialect'}`);
    const { atQuarter, atEnd, log, exitCode } = await fuzzServer(CONNECTIONS_PER_ROUND, seed, plugins);
    console.log(shown('after a quarter', atQuarter));
    console.log(shown('after all', atEnd));
    for (const line of log.slice(0, 10)) console.log(JSON.stringify(line));
    if (!mayHold(atQuarter, atEnd) || log.length > 0 || exitCode !== 0) process.exitCode = 1;
  }
  seed++;
}
console.log(process.exitCode === undefined ? 'No law was broken.' : 'A law was broken.');
