/**
 * A separate server process, started by `measured.ts`: it reports its log, and its resources on request. Runs with
 * `--expose-gc`. Its only argument is its configuration.
 */

import { readdirSync } from 'node:fs';
import { setTimeout as rest } from 'node:timers/promises';
import { definePlugin } from '../../core/api/plugin.js';
import type { ServerConfig } from '../../core/config/server-config.js';
import { createLog } from '../../core/log.js';
import { createServer } from '../../core/server.js';
import type { Held, Told } from './measured.js';
import { isStartWarning } from './start-warnings.js';

const PIECE = 'x'.repeat(8_192);

const measured = definePlugin({
  name: 'measured',
  setup({ handle }) {
    handle('GET', '/marker/:at', ({ params }) => `marker ${params.at}`);
    handle('POST', '/echo', (request) => request.text());
    handle('POST', '/copy', (request) => ({ body: request.body }));
    handle('POST', '/ignore', () => 'not read');
    handle('FROB', '/marker/:at', ({ params }) => ({ json: { at: params.at } }));
    handle('GET', '/stream', async function* () {
      for (let piece = 0; piece < 16; piece++) yield PIECE;
    });
    handle('GET', '/endless', async function* () {
      for (;;) yield PIECE;
    });
    handle('GET', '/later', async () => {
      await rest(1);
      return 'later';
    });
    // Like Server-Sent Events: an event now and then, until the client has disconnected.
    handle('GET', '/events', ({ signal }) => ({
      headers: { 'Content-Type': 'text/event-stream' },
      body: (async function* () {
        for (let at = 0; !signal.aborted; at++) {
          yield `data: ${at}\n\n`;
          await rest(500, undefined, { signal }).catch(() => {});
        }
      })(),
    }));
    handle('GET', '/switch', () => ({
      status: 101,
      headers: { Upgrade: 'echo' },
      takeOver: (stream) => void stream.pipe(stream),
    }));
    handle('GET', '/hang', () => new Promise<string>(() => {}));
    handle('GET', '/throw', () => {
      throw new Error('on purpose');
    });
  },
});

const config = JSON.parse(process.argv[2]!) as ServerConfig;
const tell = (told: Told): unknown => process.send?.(told);
const server = createServer(
  { listen: { port: 0 }, storage: 'memory', ...config, plugins: [measured, ...(config.plugins ?? [])] },
  {
    log: createLog((line) => {
      const log = JSON.parse(line) as Record<string, unknown>;
      if (!isStartWarning(log)) tell({ log });
    }),
  },
);

/** After a turn of the event loop, so that finished work is released. */
async function held(): Promise<Held> {
  await rest(20);
  globalThis.gc?.();
  await rest(0);
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, external, rss } = process.memoryUsage();
  const open = process.getActiveResourcesInfo();
  const count = (kind: string): number => open.filter((name) => name === kind).length;
  return {
    heap: heapUsed + Math.max(external, arrayBuffers),
    rss,
    sockets: count('TCPSocketWrap'),
    timers: count('Timeout'),
    files: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  };
}

process.on('message', async (wanted) => {
  if (wanted === 'held') tell({ held: await held() });
  else {
    // Anything still open keeps the process alive, which the other process notices.
    await server.close();
    process.disconnect();
  }
});

const { port } = await server.listen();
tell({ port, ports: server.addresses.map((address) => address.port) });
