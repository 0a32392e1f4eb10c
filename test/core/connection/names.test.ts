/** A name with several addresses, independent of the names that the test machine knows. */
import type { LookupAddress } from 'node:dns';
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import ava from 'ava';
import { JackfieldError } from '../../../core/errors.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, serverOf } from '../../support/who.js';

/** Serial: the resolver belongs to the whole thread. */
const test = ava.serial;

/** Sets the addresses of all names. */
function resolveTo(...addresses: readonly string[]): void {
  const found: LookupAddress[] = addresses.map((address) => ({ address, family: 4 }));
  Object.assign(dns, { lookup: async () => found });
  syncBuiltinESMExports();
}

test('a server listens on every address of a name, each once and at one port', async (t) => {
  resolveTo('127.0.0.1', '127.0.0.2', '127.0.0.1');
  const server = serverOf(t, { listen: { host: 'two.test', port: 0 } });
  const { port } = await server.listen();
  t.deepEqual(
    server.addresses.map(({ host, port: own }) => ({ host, own })),
    [
      { host: '127.0.0.1', own: port },
      { host: '127.0.0.2', own: port },
    ],
  );
  for (const { host } of server.addresses) {
    const peer = await RawClient.to(t, { port, host });
    peer.send(GET_WHO);
    await peer.receive('200 OK');
  }
});

test('if the port is taken on one address of a name, the server does not listen on the name', async (t) => {
  const other = serverOf(t, { listen: { host: '127.0.0.2', port: 0 } });
  const { port } = await other.listen();
  resolveTo('127.0.0.1', '127.0.0.2');
  const server = serverOf(t, { listen: { host: 'two.test', port } });
  const error = await t.throwsAsync(server.listen(), { instanceOf: JackfieldError });
  t.is(error?.code, 'PORT_IN_USE');
  t.true(error?.message.includes(`127.0.0.2:${port}`), error?.message);
  await t.throwsAsync(RawClient.to(t, { port, host: '127.0.0.1' }), { code: 'ECONNREFUSED' });
});

test('an address of a name that this machine does not have is skipped if there is another', async (t) => {
  resolveTo('192.0.2.1', '127.0.0.1');
  const server = serverOf(t, { listen: { host: 'two.test', port: 0 } });
  await server.listen();
  t.deepEqual(
    server.addresses.map(({ host }) => host),
    ['127.0.0.1'],
  );
  resolveTo('192.0.2.1');
  const error = await t.throwsAsync(serverOf(t, { listen: { host: 'one.test', port: 0 } }).listen(), {
    instanceOf: JackfieldError,
  });
  t.is(error?.code, 'ADDRESS_NOT_AVAILABLE');
  t.true(error?.message.includes('one.test'), error?.message);
});
