#!/usr/bin/env node
import { writeSync } from 'node:fs';
import process from 'node:process';
import { run } from './run.js';
import { Watchdog } from './watchdog.js';

// A reader that has closed the pipe (`jackfield plugins | head -1`) is no reason to crash, least of all for a server. A
// full disk is a failure: the output is lost.
let outOfRoom: string | undefined;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (/^(?:ENOSPC|EDQUOT|EFBIG)/.test(error.message)) outOfRoom = error.message;
  });
}

/** Node's own exit code for a module that waits for a promise that nothing in the process can settle. */
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

/** Code of the configuration, a plugin or an adapter may call `process.exit` without any message. */
let mayEnd = false;
process.on('exit', (code) => {
  if (mayEnd) return;
  writeSync(
    process.stderr.fd,
    `jackfield: the process exited with code ${code} before the command was finished: the configuration, a plugin or an adapter called process.exit, or threw outside of any call\n`,
  );
  // A supervisor must not see this as a clean exit.
  if (code === 0) process.exitCode = 1;
});

// Not awaited here: otherwise Node 22 and later print their own warning about a module that waits.
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
  // Everything is closed now, and a timer that a plugin forgot must not keep the process alive. Flush the output first:
  // writes to a pipe may be in progress.
  process.stdout.write('', () => setImmediate(ended, code));
});

/** Node emits the error after the callback of the failed write, so this waits one turn of the event loop. */
function ended(code: number): void {
  const lost = code === 0 ? outOfRoom : undefined;
  if (lost !== undefined)
    process.stderr.write(`jackfield: the output could not be written completely to stdout: ${lost}\n`);
  process.stderr.write('', () => process.exit(lost === undefined ? code : 1));
}
