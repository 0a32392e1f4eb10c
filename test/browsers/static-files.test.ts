/** What browsers do with parts of files: they seek in media, and ask for parts by themselves. */
import test, { type TestFn } from 'ava';
import { createServer } from '../../core/server.js';
import { tempFolder } from '../core/temp-folder.js';
import { browserTest } from '../support/browser.js';
import { plugin } from '../support/raw-client.js';

const RATE = 8_000;
const SECONDS = 600;

/** A WAV file of silence, large enough that no browser reads it whole before it seeks. */
function silence(): Buffer {
  const samples = Buffer.alloc(RATE * SECONDS, 128);
  const head = Buffer.alloc(44);
  head.write('RIFF');
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

const SEEK = `new Promise((resolve, reject) => {
  const audio = new Audio('/silence.wav');
  audio.onerror = () => reject(new Error(audio.error.message));
  audio.onloadedmetadata = () => { audio.currentTime = ${SECONDS - 5}; };
  audio.onseeked = () => resolve({ at: audio.currentTime, duration: audio.duration });
})`;

const PART = `fetch('/letters.txt', { headers: { Range: 'bytes=2-4' } })
  .then(async (response) => [response.status, response.headers.get('content-range'), await response.text()])`;

// One browser at a time. The type lacks only what `browserTest` does not use.
const serial = test.serial as unknown as TestFn;

for (const name of ['chromium', 'firefox'] as const)
  browserTest(
    serial,
    name,
    'seeks in a file, and reads a part, from memory and from disk',
    async (t, browser) => {
      const root = await tempFolder(t, {
        'index.html': '<!doctype html><title>page</title>',
        'silence.wav': silence(),
        'letters.txt': 'abcdefgh',
      });
      const parts: string[] = [];
      const watch = plugin('watch-parts', ({ hook }) =>
        hook('close', ({ headers, path }, { status }) => {
          if (path === '/silence.wav' && status === 206) parts.push(headers.range ?? '');
        }),
      );
      const server = createServer({
        listen: { port: 0 },
        storage: 'memory',
        plugins: ['compress', watch, { use: 'static-files', options: { mounts: [{ root }] } }],
      });
      t.teardown(() => server.close());
      const { port } = await server.listen();
      await browser.goto(`http://127.0.0.1:${port}/`);
      t.deepEqual(await browser.evaluate(SEEK), { at: SECONDS - 5, duration: SECONDS });
      t.true(parts.length >= 1, JSON.stringify(parts));
      t.deepEqual(await browser.evaluate(PART), [206, 'bytes 2-4/8', 'cde']);
    },
  );
