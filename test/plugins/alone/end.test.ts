import test from 'ava';
import end from '../../../plugins/end.js';
import { settled, setUp } from '../fakes.js';

test('a peer on this machine stops the server, once per request', async (t) => {
  const { call, shutdowns } = setUp(end);
  const local = ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', ''];
  for (const [at, remoteAddress] of local.entries()) {
    t.like(await settled(call({ method: 'END', remoteAddress })), { status: 204, text: '' }, remoteAddress);
    t.is(shutdowns(), at + 1);
  }
});

test('a peer on another machine is refused, however its address is written', async (t) => {
  const { call, shutdowns } = setUp(end);
  for (const remoteAddress of [
    '192.168.0.1',
    '10.127.0.1',
    '128.0.0.1',
    '::ffff:10.0.0.1',
    '::',
    'fe80::1',
    '127.0.0.1.example.org',
  ]) {
    t.like(await settled(call({ method: 'END', remoteAddress })), {
      status: 403,
      text: 'END is allowed only from a loopback address, and not through a proxy',
    });
  }
  t.is(shutdowns(), 0);
});

test('a client of a trusted proxy is refused, whatever address the proxy passes on', async (t) => {
  const { call, shutdowns } = setUp(end);
  for (const trustedPeer of ['127.0.0.1', '10.0.0.1', '']) {
    for (const remoteAddress of ['127.0.0.1', '::1', 'unknown', '203.0.113.9'])
      t.is((await settled(call({ method: 'END', remoteAddress, trustedPeer }))).status, 403);
  }
  t.is(shutdowns(), 0);
});

test('from "anywhere" lets every peer stop the server', async (t) => {
  const { call, shutdowns } = setUp(end, { options: { from: 'anywhere' } });
  t.is((await settled(call({ method: 'END', remoteAddress: '192.168.0.1' }))).status, 204);
  const proxied = { remoteAddress: '203.0.113.9', trustedPeer: '127.0.0.1' };
  t.is((await settled(call({ method: 'END', ...proxied }))).status, 204);
  t.is(shutdowns(), 2);
});

test('other options are refused', (t) => {
  for (const options of [{ from: 'here' }, { form: 'loopback' }]) t.throws(() => setUp(end, { options }));
});
