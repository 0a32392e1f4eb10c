/** A server over a store that does not keep what it answers says so, once, when it has begun to listen. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { MAIN } from '../repository.js';

/** What stands on stderr behind a whole run. */
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
  test(`${adapter}: its entries may be gone when the server stops`, async (t) => {
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

test('json-file: nothing is told, for it keeps them', async (t) => {
  t.is(await logOf(t, 'json-file'), '');
});
