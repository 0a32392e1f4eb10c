/** A crowd of any size and duration: `npm run crowd -- [connections] [seconds]`. Prints the usage of the server. */
import { shown } from '../support/measured.js';
import { mayHold, unexpected } from './bounds.js';
import { crowd } from './crowd.js';

const [connections = '10000', seconds = '90'] = process.argv.slice(2);
const { opened, served, before, within, after, log, exitCode } = await crowd({
  connections: Number(connections),
  seconds: Number(seconds),
  // The limit must leave room for the other clients.
  limits: { maxConnections: Number(connections) + 100 },
});
for (const [name, times] of [...opened].sort()) console.log(`${String(times).padStart(8)} ${name}`);
console.log(`${served} answers to other clients, exit code ${exitCode}`);
console.log(shown('before', before));
console.log(shown('within', within));
console.log(shown('after', after));
const odd = log.filter(unexpected);
for (const line of odd.slice(0, 10)) console.log(JSON.stringify(line));
const isSound = mayHold(before, after, within.sockets) && odd.length === 0 && exitCode === 0;
console.log(isSound ? 'Nothing of it stayed.' : 'The server is not as it was.');
process.exitCode = isSound ? 0 : 1;
