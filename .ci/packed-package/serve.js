/** Starts the installed command with the configuration given, speaks to it, stops it. Run in the user's project. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const child = spawn(
  'npx',
  ['--no-install', 'jackfield', 'serve', '--config', process.argv[2] ?? '', '--port', '0'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, so that the signal reaches the server behind npx.
    detached: true,
  },
);
const closed = once(child, 'close');
const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), closed]);
const [, url] = /^jackfield listening on (http:\S+)$/.exec(String(line)) ?? [];
assert.ok(url, `the command said ${line}`);
try {
  const shouted = await fetch(url, { method: 'SHOUT', body: 'from a package' });
  assert.deepEqual([shouted.status, await shouted.text()], [200, 'FROM A PACKAGE?!']);
  const created = await fetch(`${url}/create`, { method: 'POST', body: 'a: 1' });
  assert.deepEqual([created.status, await created.text()], [200, 'a:1\r\nPost Successfully OK']);
  assert.equal((await fetch(`${url}/keys/a`, { method: 'PURGE' })).status, 204);
} finally {
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await closed;
}
console.log('the installed command serves a plugin beside its configuration');
