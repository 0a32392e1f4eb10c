/** Runs the installed command as a process, for the scripts that run in the user's project. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Serves a configuration while `use(url)` runs; then stops the server and checks that it ended cleanly. */
export async function whileServing(config, use) {
  const child = spawn('jackfield', ['serve', '--config', config, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), closed]);
  const [, url] = /^jackfield listening on (http:\S+)$/.exec(String(line)) ?? [];
  try {
    assert.ok(url, `the command said ${line}`);
    await use(url);
  } finally {
    child.kill('SIGTERM');
  }
  assert.deepEqual(await closed, [0, null]);
}

/** Returns status and body of an answer. `fetch` sends any method. */
export async function ask(url, method = 'GET', body = undefined) {
  const response = await fetch(url, { method, body });
  return [response.status, await response.text()];
}
