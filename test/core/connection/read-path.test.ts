/**
 * Shows which of the two read paths is used: on the shared one the accepted socket gives its handle away and reads
 * nothing, on the portable one it reads everything. `npm run test:portable` must use the portable one everywhere.
 */
import { execFile } from 'node:child_process';
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import type { ListenConfig } from '../../../core/config/server-config.js';
import { RawClient, serve } from '../../support/raw-client.js';
import { IS_PORTABLE, NODE_OPTIONS } from '../../support/read-path.js';
import { GET_WHO, serverOf } from '../../support/who.js';
import { tempFolder } from '../temp-folder.js';

/** All sockets that Node accepts in this process. */
const accepted: Socket[] = [];
diagnostics.subscribe('net.server.socket', (message) => {
  accepted.push((message as { socket: Socket }).socket);
});

/** The path on which a server with this configuration has read one request. */
async function pathOf(t: Parameters<typeof serverOf>[0], listen: ListenConfig): Promise<string> {
  const { port, socket } = await serverOf(t, { listen }).listen();
  const before = accepted.length;
  const peer = await RawClient.to(t, socket === undefined ? { host: '127.0.0.1', port } : { path: socket });
  peer.send(GET_WHO);
  await peer.receive('200 OK');
  const [one, ...others] = accepted.slice(before);
  if (one === undefined || others.length > 0) throw new Error(`${accepted.length - before} were accepted.`);
  return one.bytesRead === GET_WHO.length ? 'portable' : `shared, ${one.bytesRead} octets`;
}

const EXPECTED = IS_PORTABLE ? 'portable' : 'shared, 0 octets';

test.serial(`a server uses the path of this run: ${EXPECTED}`, async (t) => {
  t.is(await pathOf(t, { port: 0 }), EXPECTED);
  t.is(await pathOf(t, { port: 0, sharedReadBuffer: true }), EXPECTED);
  const folder = await tempFolder(t);
  t.is(await pathOf(t, { socket: path.join(folder, 'a.sock') }), EXPECTED);
});

test.serial('the switch of the configuration selects the portable path in every run', async (t) => {
  t.is(await pathOf(t, { port: 0, sharedReadBuffer: false }), 'portable');
  const folder = await tempFolder(t);
  t.is(await pathOf(t, { socket: path.join(folder, 'a.sock'), sharedReadBuffer: false }), 'portable');
});

test.serial('the servers of the other tests use the path of this run', async (t) => {
  const { get } = await serve(t);
  const before = accepted.length;
  t.is((await get('/probe')).body, 'alive');
  t.is((accepted[before]?.bytesRead ?? 0) > 0, IS_PORTABLE);
});

/** A separate process that sends itself one request. */
const SELF_SERVED = `
  import diagnostics from 'node:diagnostics_channel';
  import { createServer } from ${JSON.stringify(pathToFileURL(path.resolve(import.meta.dirname, '../../../core/server.js')).href)};
  let accepted;
  diagnostics.subscribe('net.server.socket', ({ socket }) => { accepted = socket; });
  const server = createServer({ listen: { port: 0 }, storage: 'memory', plugins: ['get'] });
  const { url } = await server.listen();
  await (await fetch(url)).text();
  console.log(accepted.bytesRead === 0 ? 'shared, 0 octets' : 'portable');
  await server.close();
`;

test.serial('processes started by tests use the path of this run', async (t) => {
  const env = { ...process.env, NODE_OPTIONS };
  const argv = ['--input-type=module', '-e', SELF_SERVED];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { env });
  t.is(stdout.trim(), EXPECTED);
});
