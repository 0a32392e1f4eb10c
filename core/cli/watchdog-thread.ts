/**
 * The thread of the watchdog. It writes to stderr itself, in the format of the log, because the main thread may be
 * blocked forever.
 */
import { writeSync } from 'node:fs';
import { type Debugger, Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { createLog } from '../log.js';
import { ownerOf } from './watch-faults.js';
import { LEAST_PERIOD_MS, SIGNS_PER_LIMIT, type Watched } from './watchdog.js';

const STDERR = 2;
/** Enough to show the caller. */
const FRAMES_LOGGED = 10;

// Shared with the main thread, which increments it.
const signs = workerData as Int32Array;
const log = createLog((line) => writeSync(STDERR, line), 'warn');

let watched: Watched = { limitMs: 0, plugins: [] };
let lastSign = -1;
let since = performance.now();
let checkedAt = since;
let periodMs = LEAST_PERIOD_MS;
/** The fields of the warning that was logged for the current block; undefined while the loop runs. */
let logged: { plugin?: string } | undefined;
let timer: NodeJS.Timeout | undefined;

parentPort?.on('message', (now: Watched) => {
  watched = now;
  clearInterval(timer);
  since = performance.now();
  checkedAt = since;
  periodMs = Math.max(LEAST_PERIOD_MS, now.limitMs / SIGNS_PER_LIMIT);
  timer = setInterval(check, periodMs);
});

function check(): void {
  const sign = Atomics.load(signs, 0);
  const now = performance.now();
  // If this thread itself is late, the process was stopped or the machine is busy. That is not the fault of the main
  // thread, so it counts as one period.
  if (now - checkedAt > 2 * periodMs) since += now - checkedAt - periodMs;
  checkedAt = now;
  if (sign !== lastSign) {
    if (logged !== undefined)
      log.warn({ ...logged, blockedMs: Math.round(now - since) }, 'The event loop runs again.');
    logged = undefined;
    lastSign = sign;
    since = now;
  } else if (logged === undefined && now - since > watched.limitMs) {
    logged = {};
    logStack(sign);
  }
}

/** Pauses the main thread for a moment to read its stack. */
function logStack(sign: number): void {
  const session = new Session();
  const files = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }) => void files.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => {
    // If the loop has gone on meanwhile, this stack is not the one that blocked it.
    if (Atomics.load(signs, 0) === sign) logBlocked(params.callFrames, files);
    session.post('Debugger.resume');
    session.post('Debugger.disable', () => session.disconnect());
  });
  try {
    session.connectToMainThread();
    session.post('Debugger.enable', () => session.post('Debugger.pause'));
  } catch (error) {
    // Node was built without a debugger.
    log.warn({ blockedMs: watched.limitMs, err: error }, 'The event loop is blocked.');
  }
}

function logBlocked(frames: readonly Debugger.CallFrame[], urls: ReadonlyMap<string, string>): void {
  const places = frames.map(({ functionName, location: { scriptId, lineNumber, columnNumber = 0 } }) => {
    const url = urls.get(scriptId) ?? '';
    const file = url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : url;
    return { file, text: `${functionName || '(anonymous)'} (${file}:${lineNumber + 1}:${columnNumber + 1})` };
  });
  const owner = ownerOf(
    places.map(({ file }) => file),
    watched.plugins,
  );
  logged = owner === undefined ? {} : { plugin: owner };
  log.warn(
    {
      ...logged,
      blockedMs: Math.round(performance.now() - since),
      at: places.slice(0, FRAMES_LOGGED).map(({ text }) => text),
    },
    owner === undefined
      ? 'The event loop is blocked; no other request is served meanwhile.'
      : 'A plugin blocks the event loop; no other request is served meanwhile.',
  );
}
