/** Dozens of reloads; `npm run soak:reload` does hundreds and checks the heap too. */
import test from 'ava';
import { reloads } from './reloads.js';

test('after dozens of reloads the process has as many handles, files, listeners and instances as after a few', async (t) => {
  t.timeout(120_000);
  const { atQuarter, atEnd, wrong, odd, exitCode } = await reloads(72);
  t.deepEqual(wrong, []);
  t.deepEqual(
    odd.map(({ message }) => message),
    ['Plugins were closed while exchanges still used them.'],
  );
  const { heap: _, ...held } = atEnd;
  const { heap: __, ...before } = atQuarter;
  t.deepEqual(held, before);
  // Two are running, and two belong to the feed that is still open; the module was imported once.
  t.is(held.instances, 4);
  t.is(held.evaluated, 1);
  t.is(exitCode, 0);
});
