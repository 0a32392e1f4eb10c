/** A short soak; `npm run soak` runs longer. */
import test from 'ava';
import { shown } from '../support/measured.js';
import { mayHold, unexpected } from './bounds.js';
import { soak } from './soak.js';

const EXCHANGES = 6_000;
const SEED = 1;

test('after thousands of exchanges of every kind the server uses no more resources than before, and nothing is open', async (t) => {
  t.timeout(120_000);
  const { exchanges, visits, atQuarter, atEnd, log, exitCode } = await soak(EXCHANGES, SEED);
  t.log(shown('after a quarter', atQuarter));
  t.log(shown('after all', atEnd));
  t.true(exchanges >= EXCHANGES);
  t.true(visits.size >= 15, [...visits.keys()].join());
  t.true(mayHold(atQuarter, atEnd), `${shown('a quarter', atQuarter)}; ${shown('all', atEnd)}`);
  t.deepEqual(log.filter(unexpected), []);
  // The faults that the traffic provokes were logged, each with the name of its plugin.
  t.true(log.length > 0);
  // It has ended by itself: nothing that keeps a process alive was left.
  t.is(exitCode, 0);
});
