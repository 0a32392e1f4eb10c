#!/usr/bin/env node
import { writeSync } from 'node:fs';
import process from 'node:process';
import { run } from './run.js';
import { Watchdog } from './watchdog.js';

// A reader that has gone (`jackfield plugins | head -1`) is no reason to crash, least of all for a server.
// A disk that is full is one: what was to be told stands nowhere.
let outOfRoom: string | undefined;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (/^(?:ENOSPC|EDQUOT|EFBIG)/.test(error.message)) outOfRoom = error.message;
  });
}

/** What Node itself ends with when a module waits for something that nothing in the process can bring about. */
const NOTHING_LEFT = 13;
const nothingLeft = (): void => {
  writeSync(
    process.stderr.fd,
    'jackfield: the command cannot finish: a plugin, an adapter or the configuration waits for a promise that will never settle\n',
  );
  mayEnd = true;
  process.exit(NOTHING_LEFT);
};
process.on('beforeExit', nothingLeft);

/** Code of the configuration, of a plugin or of an adapter may call `process.exit`, and says nothing then. */
let mayEnd = false;
process.on('exit', (code) => {
  if (mayEnd) return;
  writeSync(
    process.stderr.fd,
    `jackfield: the process exited with code ${code} before the command was finished: the configuration, a plugin or an adapter called process.exit, or threw outside of any call\n`,
  );
  // A supervisor must not take it for a clean end.
  if (code === 0) process.exitCode = 1;
});

// Not awaited here: then Node 22 and later would tell of the module that waits, in words of their own.
const running = run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  loadServer: () => import('../server.js'),
  signals: process,
  faults: process,
  watchdog: new Watchdog(),
  started: () => {
    mayEnd = true;
  },
  exit: (now) => {
    mayEnd = true;
    process.exit(now);
  },
});

running.then((code) => {
  mayEnd = true;
  process.off('beforeExit', nothingLeft);
  // Everything is closed by now; a timer that some plugin forgot must not keep the process. What was written goes
  // out first, since writes to a pipe may be under way.
  process.stdout.write('', () => setImmediate(ended, code));
});

/** An error is told behind the write that failed, hence the moment before. */
function ended(code: number): void {
  const lost = code === 0 ? outOfRoom : undefined;
  if (lost !== undefined)
    process.stderr.write(`jackfield: the output could not be written completely to stdout: ${lost}\n`);
  process.stderr.write('', () => process.exit(lost === undefined ? code : 1));
}
