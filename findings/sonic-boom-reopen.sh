#!/usr/bin/env bash
# sonic-boom 4.2.1 (5.0.2 does the same), which writes pino's logs: a `reopen` that cannot open the file, because its
# folder is gone, leaves a listener for `ready` on the stream each time. A log that is rotated for months collects them,
# and the next open that succeeds runs them all.
. "$(dirname "$0")/lib/begin.sh"
packages sonic-boom@4.2.1
expect 'v20.' node --version

cat >reopen.mjs <<'JS'
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import SonicBoom from 'sonic-boom';

mkdirSync('logs');
const log = new SonicBoom({ dest: 'logs/access.log' });
await once(log, 'ready');
const counts = [log.listenerCount('ready')];
rmSync('logs', { recursive: true });
for (let n = 0; n < 3; n++) {
  const failed = once(log, 'error').catch((error) => error);
  log.reopen();
  await failed;
  counts.push(log.listenerCount('ready'));
}
console.log(`listeners for "ready": ${counts.join(', ')}`);
JS
seen "$(node reopen.mjs)" 'listeners for "ready": 0, 1, 2, 3'
