/** A small crowd for a moment; `npm run crowd` runs longer with many more connections. */
import test from 'ava';
import { shown } from '../support/measured.js';
import { mayHold, unexpected } from './bounds.js';
import { crowd } from './crowd.js';

/** Deadlines that many of the connections reach. */
const LIMITS = {
  headerTimeoutMs: 1_500,
  requestTimeoutMs: 1_500,
  handlerTimeoutMs: 1_500,
  writeTimeoutMs: 1_500,
  idleTimeoutMs: 2_000,
};

test('a crowd in every phase at once harms no other client and leaves nothing open', async (t) => {
  t.timeout(120_000);
  const { opened, served, before, within, after, log, exitCode } = await crowd({
    connections: 400,
    seconds: 4,
    limits: LIMITS,
  });
  for (const [when, held] of Object.entries({ before, within, after })) t.log(shown(when, held));
  t.true(opened.size >= 15);
  t.true(within.sockets > 100, shown('within', within));
  t.true(served > 0);
  t.true(mayHold(before, after, within.sockets), `${shown('before', before)}; ${shown('after', after)}`);
  t.deepEqual(log.filter(unexpected), []);
  t.is(exitCode, 0);
});
