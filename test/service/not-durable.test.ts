/** A server whose store is not durable logs that once, when it listens. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { MAIN } from '../repository.js';

/** All of stderr of a whole run. */
async function logOf(t: ExecutionContext, storage: string): Promise<string> {
  const cwd = await tempFolder(t, { 'jackfield.config.json': JSON.stringify({ storage }) });
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0'], { cwd });
  t.teardown(() => child.kill('SIGKILL'));
  const stderr = text(child.stderr);
  await once(child.stdout, 'data');
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
  return stderr;
}

for (const adapter of ['memory', 'lru']) {
  test(`${adapter}: the log says that its entries do not survive the server`, async (t) => {
    const lines = (await logOf(t, adapter))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.is(lines.length, 1);
    t.like(lines[0], {
      level: 'info',
      adapter,
      message: `The store "${adapter}" is not durable: its entries may be lost when the server stops.`,
    });
  });
}

test('json-file: nothing is logged, because it is durable', async (t) => {
  t.is(await logOf(t, 'json-file'), '');
});
