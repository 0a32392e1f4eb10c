/** A short fuzz over sockets; `npm run fuzz:server` runs longer. */
import test from 'ava';
import { mayHold } from '../soak/bounds.js';
import { shown } from '../support/measured.js';
import { fuzzServer, STANDARD, WITH_CLASSIC } from './live-server.js';

const CONNECTIONS = 2_000;
const SEED = 20;

for (const [what, plugins] of [
  ['in standard HTTP', STANDARD],
  ['with the classic dialect', WITH_CLASSIC],
] as const) {
  test.serial(`no octets crash, hang, leak or desynchronise a server ${what}`, async (t) => {
    t.timeout(120_000);
    const { atQuarter, atEnd, log, exitCode } = await fuzzServer(CONNECTIONS, SEED, plugins);
    t.log(shown('after a quarter', atQuarter));
    t.log(shown('after all', atEnd));
    t.true(mayHold(atQuarter, atEnd), `${shown('a quarter', atQuarter)}; ${shown('all', atEnd)}`);
    // A fault of the server or of a plugin would be logged here.
    t.deepEqual(log, []);
    t.is(exitCode, 0);
  });
}
