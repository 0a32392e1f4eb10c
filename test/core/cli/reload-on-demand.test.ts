/** Requests for a reload while one runs. */
import { EventEmitter } from 'node:events';
import test from 'ava';
import { ReloadOnDemand } from '../../../core/cli/reload-on-demand.js';
import { silentLog } from '../../../core/log.js';
import type { ReloadReport } from '../../../core/reload.js';

const reportOf = (...started: string[]): ReloadReport => ({
  started,
  kept: [],
  left: [],
  changedFiles: [],
  retired: Promise.resolve(),
});

/** A reload that the test ends. */
function controlled() {
  const begun: ((report: ReloadReport | Error) => void)[] = [];
  const reloads = new ReloadOnDemand(
    () =>
      new Promise((resolve, reject) => {
        begun.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
      }),
    silentLog,
    new EventEmitter() as unknown as NodeJS.Process,
    () => {},
  );
  return { begun, reloads };
}

test('all requests during a reload share the next one and its outcome', async (t) => {
  const { begun, reloads } = controlled();
  const first = reloads.now();
  await Promise.resolve();
  const others = Array.from({ length: 1_000 }, () => reloads.now());
  await Promise.resolve();
  // The file is not read a second time before the first reload has ended.
  t.is(begun.length, 1);
  begun[0]?.(reportOf('a'));
  t.deepEqual(await first, { ok: true, lines: ['reloaded: 1 started (a), none kept, none closed'] });
  while (begun.length < 2) await Promise.resolve();
  begun[1]?.(reportOf('b'));
  const answers = await Promise.all(others);
  t.is(new Set(answers).size, 1);
  t.deepEqual(answers[0]?.lines, ['reloaded: 1 started (b), none kept, none closed']);
  t.is(begun.length, 2);
});

test('a failed reload does not prevent the next one', async (t) => {
  const { begun, reloads } = controlled();
  const first = reloads.now();
  await Promise.resolve();
  const second = reloads.now();
  begun[0]?.(new Error('broken'));
  t.false((await first).ok);
  while (begun.length < 2) await Promise.resolve();
  begun[1]?.(reportOf());
  t.true((await second).ok);
});
