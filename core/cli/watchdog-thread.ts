/**
 * The thread of the watchdog. It writes to stderr itself, since the main thread may never come to it, in the form of
 * every other line of the log.
 */
import { writeSync } from 'node:fs';
import { type Debugger, Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { createLog } from '../log.js';
import { ownerOf } from './watch-faults.js';
import { LEAST_PERIOD_MS, SIGNS_PER_LIMIT, type Watched } from './watchdog.js';

const STDERR = 2;
/** Enough to see who called. */
const FRAMES_TOLD = 10;

// What the main thread has put there.
const signs = workerData as Int32Array;
const log = createLog((line) => writeSync(STDERR, line), 'warn');

let watched: Watched = { limitMs: 0, plugins: [] };
let lastSign = -1;
let since = performance.now();
let lookedAt = since;
let periodMs = LEAST_PERIOD_MS;
/** What was told of the silence that goes on; undefined while the loop is alive. */
let told: { plugin?: string } | undefined;
let looking: NodeJS.Timeout | undefined;

parentPort?.on('message', (now: Watched) => {
  watched = now;
  clearInterval(looking);
  since = performance.now();
  lookedAt = since;
  periodMs = Math.max(LEAST_PERIOD_MS, now.limitMs / SIGNS_PER_LIMIT);
  looking = setInterval(look, periodMs);
});

function look(): void {
  const sign = Atomics.load(signs, 0);
  const now = performance.now();
  // Where this thread itself comes late, the process was stopped or the machine is busy. That is no fault of the main
  // thread, so one period is all of it that counts.
  if (now - lookedAt > 2 * periodMs) since += now - lookedAt - periodMs;
  lookedAt = now;
  if (sign !== lastSign) {
    if (told !== undefined)
      log.warn({ ...told, blockedMs: Math.round(now - since) }, 'The event loop runs again.');
    told = undefined;
    lastSign = sign;
    since = now;
  } else if (told === undefined && now - since > watched.limitMs) {
    told = {};
    tellWhere(sign);
  }
}

/** Stops the main thread for a moment to see where it is. */
function tellWhere(sign: number): void {
  const session = new Session();
  const files = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }) => void files.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => {
    // Where the loop has gone on meanwhile, this is not where it stood.
    if (Atomics.load(signs, 0) === sign) tell(params.callFrames, files);
    session.post('Debugger.resume');
    session.post('Debugger.disable', () => session.disconnect());
  });
  try {
    session.connectToMainThread();
    session.post('Debugger.enable', () => session.post('Debugger.pause'));
  } catch (error) {
    // A Node that was built without a debugger.
    log.warn({ blockedMs: watched.limitMs, err: error }, 'The event loop is blocked.');
  }
}

function tell(frames: readonly Debugger.CallFrame[], urls: ReadonlyMap<string, string>): void {
  const places = frames.map(({ functionName, location: { scriptId, lineNumber, columnNumber = 0 } }) => {
    const url = urls.get(scriptId) ?? '';
    const file = url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : url;
    return { file, text: `${functionName || '(anonymous)'} (${file}:${lineNumber + 1}:${columnNumber + 1})` };
  });
  const owner = ownerOf(
    places.map(({ file }) => file),
    watched.plugins,
  );
  told = owner === undefined ? {} : { plugin: owner };
  log.warn(
    {
      ...told,
      blockedMs: Math.round(performance.now() - since),
      at: places.slice(0, FRAMES_TOLD).map(({ text }) => text),
    },
    owner === undefined
      ? 'The event loop is blocked; no other request is served meanwhile.'
      : 'A plugin blocks the event loop; no other request is served meanwhile.',
  );
}
