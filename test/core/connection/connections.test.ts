import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { CountedWarning } from '../../../core/connection/counted-warning.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, KeptLog, serverOf } from '../../support/who.js';

const HOST = '127.0.0.1';
/** From dist/test/core/connection. */
const SERVER = pathToFileURL(path.resolve(import.meta.dirname, '../../../core/server.js')).href;

test('connections beyond maxConnections are refused, counted and logged once', async (t) => {
  const log = new KeptLog();
  const server = serverOf(t, { limits: { maxConnections: 2 } }, log);
  const { port } = await server.listen();
  const open = [await RawClient.to(t, { port, host: HOST }), await RawClient.to(t, { port, host: HOST })];
  for (let at = 0; at < 20; at++) {
    const refused = await RawClient.to(t, { port, host: HOST });
    await refused.closed();
    t.is(refused.unread, '');
  }
  for (const peer of open) {
    peer.send(GET_WHO);
    await peer.receive('200 OK');
    peer.socket.end();
    await peer.gone();
  }
  const again = await RawClient.to(t, { port, host: HOST });
  again.send(GET_WHO);
  await again.receive('200 OK');
  again.socket.destroy();
  await server.close();
  const warnings = log.lines.filter(({ message }) =>
    message.startsWith('Connections were refused: 2 are open'),
  );
  t.is(warnings[0]?.fields.count, 1);
  t.is(warnings.at(-1)?.fields.total, 20);
  t.true(warnings.length < 20);
});

test('a counted warning is logged at once, later ones together, and the rest at the end', async (t) => {
  const log = new KeptLog();
  const warning = new CountedWarning(log, 'Odd.');
  warning.count();
  t.deepEqual(log.lines, [{ level: 'warn', message: 'Odd.', fields: { count: 1, total: 1 } }]);
  // The warning's timer keeps no process alive; this test needs one that does.
  const alive = setInterval(() => {}, 1_000);
  for (let at = 0; at < 1_000; at++) warning.count({ at });
  await log.until('Odd.', 1);
  clearInterval(alive);
  t.deepEqual(log.lines[1]?.fields, { at: 999, count: 1_000, total: 1_001 });
  warning.count({ at: 7 });
  warning.stop();
  warning.stop();
  t.deepEqual(log.lines[2]?.fields, { at: 7, count: 1, total: 1_002 });
  t.is(log.lines.length, 3);
});

/** A server in a process that may open 128 files; prints its port, then `maxConnections`, then serves. */
const SMALL = `
  import { createServer } from ${JSON.stringify(SERVER)};
  import { createLog } from ${JSON.stringify(SERVER.replace('server.js', 'log.js'))};
  const limits = JSON.parse(process.argv[1]);
  const plugin = { name: 'ok', setup({ handle }) { handle('GET', '/who', () => 'ok'); } };
  // The first line must be the port, and the start warns that GET has no HEAD here.
  const log = createLog((line) => line.includes('HEAD is answered 405') || process.stdout.write(line));
  const server = createServer({ listen: { port: 0 }, storage: 'memory', plugins: [plugin], limits }, { log });
  console.log((await server.listen()).port);
`;
const withLimits = process.platform === 'win32' ? test.skip : test;

for (const [title, limits, mostOpen] of [
  ['keeps some free for other work', {}, 64],
  ['survives when none is left', { maxConnections: 1_000 }, 128],
] as const) {
  withLimits(`a process that may open 128 files ${title}`, async (t) => {
    const child = spawn(
      'bash',
      [
        '-c',
        'ulimit -n 128; exec "$0" --input-type=module -e "$1" "$2"',
        process.execPath,
        SMALL,
        JSON.stringify(limits),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = once(child, 'close');
    t.teardown(async () => {
      child.kill();
      await ended;
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const port = Number((await lines.next()).value);
    const peers = await Promise.all(Array.from({ length: 200 }, () => RawClient.to(t, { port, host: HOST })));
    for (const peer of peers) peer.send(GET_WHO);
    await Promise.all(
      peers.map((peer) => Promise.race([peer.receive('200 OK').catch(() => {}), peer.closed()])),
    );
    const served = peers.filter(({ unread: received }) => received.includes('200 OK'));
    t.true(served.length > 0 && served.length <= mostOpen, String(served.length));
    for (const { socket } of peers) socket.destroy();
    // It continues as soon as there is room again.
    for (;;) {
      const peer = await RawClient.to(t, { port, host: HOST });
      peer.send(GET_WHO);
      await Promise.race([peer.receive('200 OK').catch(() => {}), peer.closed()]);
      if (peer.unread.includes('200 OK')) break;
    }
    t.is(child.exitCode, null);
  });
}
