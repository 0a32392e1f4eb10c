import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { ExpiryTimer } from '../../../core/storage/expiry-timer.js';

test('the timer fires at the earliest time that it was armed for, and again when armed again', async (t) => {
  let notice = () => {};
  const noticed = () => new Promise<void>((resolve) => (notice = resolve));
  const keepAlive = setInterval(() => {}, 1_000);
  const timer = new ExpiryTimer(() => notice());
  let next = noticed();
  timer.arm(Date.now() + 3_600_000);
  timer.arm(Date.now() + 5);
  timer.arm(Date.now() + 7_200_000);
  await next;
  next = noticed();
  timer.arm(undefined);
  timer.arm(Date.now() - 1_000);
  await next;
  timer.stop();
  clearInterval(keepAlive);
  t.pass();
});

test('a time beyond the range of timers does not fire at once', async (t) => {
  let noticed = 0;
  const timer = new ExpiryTimer(() => (noticed += 1));
  timer.arm(Date.now() + 10 * 365 * 86_400_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(noticed, 0);
  timer.stop();
});

test('the timer does not keep the process alive', async (t) => {
  const file = new URL('../../../core/storage/expiry-timer.js', import.meta.url).href;
  const script = `import { ExpiryTimer } from ${JSON.stringify(file)};
    new ExpiryTimer(() => process.exit(3)).arm(Date.now() + 3_600_000);`;
  const [code] = await once(spawn(process.execPath, ['--input-type=module', '-e', script]), 'exit');
  t.is(code, 0);
});
