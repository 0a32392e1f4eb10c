import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { TrustedProxies } from '../../../core/connection/trusted-proxies.js';
import { HeaderSection } from '../../../core/http/header-section.js';
import { createLog } from '../../../core/log.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, serverOf, type who } from '../../support/who.js';
import { tempFolder } from '../temp-folder.js';

const PEER = { remoteAddress: '127.0.0.1', protocol: 'http' } as const;
const proxies = new TrustedProxies(['127.0.0.1', '10.0.0.0/8', '2001:db8::/32', '::1']);

/** The source of a request with these field lines from the trusted peer. */
function origin(...lines: readonly (readonly [string, string])[]): {
  readonly remoteAddress: string;
  readonly protocol: string;
  readonly host?: string | undefined;
} {
  return proxies.originOf(PEER, new HeaderSection(['Host', 'localhost', ...lines.flat()], 1));
}

const clientOf = (...lines: readonly (readonly [string, string])[]): string => origin(...lines).remoteAddress;

test('addresses, ranges and Unix sockets are trusted as configured, in any spelling', (t) => {
  for (const address of ['127.0.0.1', '10.0.0.1', '10.255.255.255', '2001:db8::7', '::1']) {
    t.true(proxies.trusts(address), address);
  }
  for (const address of ['127.0.0.2', '11.0.0.1', '2001:db9::', '::2', '', 'unknown', '_hidden', '10.0.0']) {
    t.false(proxies.trusts(address), address);
  }
  t.true(new TrustedProxies(['unix']).trusts(''));
  t.false(new TrustedProxies(['unix']).trusts('127.0.0.1'));
  t.true(new TrustedProxies(['::FFFF:7f00:1']).trusts('127.0.0.1'));
  t.true(new TrustedProxies(['2001:DB8:0::1']).trusts('2001:db8::1'));
  t.is(TrustedProxies.of([]), undefined);
});

test('a client that the trusted peer does not name is unknown', (t) => {
  const nobody = { ...PEER, remoteAddress: 'unknown', host: undefined, trustedPeer: PEER.remoteAddress };
  t.deepEqual(origin(), nobody);
  t.deepEqual(origin(['Forwarded', ''], ['X-Forwarded-For', ' ,, ']), nobody);
  t.deepEqual(origin(['X-Real-IP', '127.0.0.1']), nobody);
});

test('a proxy that names no client is logged once, with the setting to change', (t) => {
  const lines: unknown[] = [];
  const warned = new TrustedProxies(
    ['127.0.0.1'],
    createLog((line) => lines.push(JSON.parse(line))),
  );
  const from = (...raw: readonly string[]) => warned.originOf(PEER, new HeaderSection(raw, 1));
  from('X-Forwarded-For', '203.0.113.9');
  from('Forwarded', 'for=unknown');
  t.deepEqual(lines, []);
  from('X-Forwarded-Proto', 'https');
  from();
  t.is(lines.length, 1);
  t.like(lines[0], { level: 'warn', proxy: '127.0.0.1' });
  t.regex(JSON.stringify(lines[0]), /X-Forwarded-For or Forwarded/);
});

test('X-Forwarded-For is read from the end, past every trusted hop', (t) => {
  for (const [value, client] of [
    ['203.0.113.9', '203.0.113.9'],
    ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['127.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['198.51.100.1,203.0.113.9,10.1.2.3,::1', '203.0.113.9'],
    // All of them are trusted: the first one is the client.
    ['10.1.1.1, 10.2.2.2', '10.1.1.1'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['[2001:DB9:0::1]:4711', '2001:db9::1'],
    ['2001:db9::1', '2001:db9::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, , ::ffff:10.0.0.1,', '203.0.113.9'],
  ] as const) {
    t.is(clientOf(['X-Forwarded-For', value]), client, value);
  }
  t.is(clientOf(['X-Forwarded-For', '203.0.113.9'], ['x-forwarded-for', '10.0.0.1']), '203.0.113.9');
});

test('Forwarded is read from the end, past every trusted hop', (t) => {
  for (const [value, client] of [
    ['for=203.0.113.9', '203.0.113.9'],
    ['For="203.0.113.9:4711"', '203.0.113.9'],
    ['for="[2001:db9:cafe::17]:4711"', '2001:db9:cafe::17'],
    ['for=198.51.100.1, for=203.0.113.9;by=10.0.0.1, for=10.1.2.3', '203.0.113.9'],
    ['for=203.0.113.9; proto=https ; host="example.org", for="[::1]"', '203.0.113.9'],
    ['for="203.0.113.9", , ;;for=10.0.0.1;;', '203.0.113.9'],
    // Many proxies leave out the quotes that a port needs.
    ['for=203.0.113.9:4711', '203.0.113.9'],
    ['for="203.0.113.9:_port"', '203.0.113.9'],
    ['for="203\\.0.113.9"', '203.0.113.9'],
    ['for=203.0.113.9;secret="a, for=10.0.0.1"', '203.0.113.9'],
  ] as const) {
    t.is(clientOf(['Forwarded', value]), client, value);
  }
});

test('an identifier that hides the client ends the walk and is returned unchanged', (t) => {
  t.is(clientOf(['Forwarded', 'for=203.0.113.9, for=_gazonk, for=10.0.0.1']), '_gazonk');
  t.is(clientOf(['Forwarded', 'for=203.0.113.9, for=unknown']), 'unknown');
  t.is(clientOf(['X-Forwarded-For', '203.0.113.9, unknown']), 'unknown');
});

test('a client that cannot be parsed is unknown, never the proxy itself', (t) => {
  for (const value of [
    'for',
    'for=',
    'for="203.0.113.9',
    'for=1.2.3.4;for=5.6.7.8',
    'for=(x)',
    'for=1.2.3.4 for=5.6.7.8',
    'for=1.2.3.999',
    'for="[::1"',
    'for="[fe80::1%lo]"',
    'proto=https',
    'for="\\',
    '=1.2.3.4',
    '__proto__=1',
  ]) {
    t.is(clientOf(['Forwarded', value]), 'unknown', value);
  }
  for (const value of ['localhost', '1.2.3', '1.2.3.4:port', '203.0.113.9, <script>', '0x7f.1', '-', '[]']) {
    t.is(clientOf(['X-Forwarded-For', value]), 'unknown', value);
  }
});

test('both families of fields are trusted if they agree, and neither if they do not', (t) => {
  const older = ['X-Forwarded-For', '203.0.113.9'] as const;
  t.is(clientOf(['Forwarded', 'for=203.0.113.9'], older), '203.0.113.9');
  // A proxy that writes X-Forwarded-For passes this on from the client.
  t.is(clientOf(['Forwarded', 'for=127.0.0.1'], older), 'unknown');
  t.is(clientOf(['Forwarded', 'proto=https'], older), 'unknown');
  t.is(clientOf(['Forwarded', '"'], older), 'unknown');
  t.like(origin(['Forwarded', 'for=203.0.113.9;proto=https'], older, ['X-Forwarded-Proto', 'http']), {
    protocol: 'http',
  });
  t.like(origin(['Forwarded', 'for=203.0.113.9;host=a.org'], older, ['X-Forwarded-Host', 'b.org']), {
    host: undefined,
  });
});

test('protocol and host are those that the client used, as reported by the nearest proxy', (t) => {
  t.deepEqual(origin(['Forwarded', 'for=203.0.113.9;proto=HTTPS;host="example.org:8443"']), {
    remoteAddress: '203.0.113.9',
    protocol: 'https',
    host: 'example.org:8443',
    trustedPeer: '127.0.0.1',
  });
  t.like(
    origin([
      'Forwarded',
      'for=6.6.6.6;proto=http;host=evil, for=203.0.113.9;proto=https;host=a, for=10.0.0.1;host=b',
    ]),
    { remoteAddress: '203.0.113.9', protocol: 'https', host: 'a' },
  );
  t.deepEqual(origin(['X-Forwarded-Proto', 'https'], ['X-Forwarded-Host', 'example.org']), {
    remoteAddress: 'unknown',
    protocol: 'https',
    host: 'example.org',
    trustedPeer: PEER.remoteAddress,
  });
  // Written once by the outer proxy, or once by each.
  const hops = ['X-Forwarded-For', '6.6.6.6, 203.0.113.9, 10.0.0.1'] as const;
  t.like(origin(hops, ['X-Forwarded-Proto', 'https']), { protocol: 'https' });
  t.like(origin(hops, ['X-Forwarded-Host', 'evil, a.org, b.org']), { host: 'a.org' });
  t.like(origin(hops, ['X-Forwarded-Host', 'a.org, b.org']), { host: 'a.org' });
});

test('an invalid protocol or host is omitted', (t) => {
  for (const proto of ['ftp', 'https://', '', 'constructor']) {
    t.like(origin(['X-Forwarded-Proto', proto]), { protocol: 'http' });
  }
  for (const host of ['user@a', 'a:b', 'a:99999', '[::', 'a b', '']) {
    t.like(origin(['X-Forwarded-Host', host]), { host: undefined }, host);
    t.like(origin(['Forwarded', `for=1.2.3.4;host="${host}"`]), { host: undefined }, host);
  }
});

test('the time for a long field is linear in its length', (t) => {
  const spaces = ' '.repeat(200_000);
  const quotes = '\\"'.repeat(100_000);
  t.is(clientOf(['Forwarded', `for=1.2.3.4${spaces}x`]), 'unknown');
  t.is(clientOf(['Forwarded', `${spaces}x`]), 'unknown');
  t.is(clientOf(['Forwarded', `for="${quotes}`]), 'unknown');
  t.is(clientOf(['Forwarded', `${'a'.repeat(200_000)} `]), 'unknown');
  t.is(clientOf(['X-Forwarded-For', `${spaces}1.2.3.4${spaces}`]), '1.2.3.4');
});

// Over the wire

const FORWARDED = 'Forwarded: for=203.0.113.9;proto=https;host=example.org\r\n';
const REQUEST = GET_WHO.replace('\r\n\r\n', `\r\n${FORWARDED}\r\n`);

test('a trusted peer is believed, and its host is checked against allowedHosts', async (t) => {
  const server = serverOf(t, { trustedProxies: ['127.0.0.1'], allowedHosts: ['example.org'] });
  const { port } = await server.listen();
  const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
  peer.send(REQUEST);
  await peer.receive('{"remoteAddress":"203.0.113.9","protocol":"https","host":"example.org"}');
  // The same section twice, with one of another host in between: the memo must not mix them up.
  peer.send(REQUEST + REQUEST.replace('example.org', 'other.org') + REQUEST + GET_WHO);
  t.deepEqual(await peer.answers(5), ['200', '200', '400', '200', '400']);
});

test('any other peer is not believed: the fields can be read but have no effect', async (t) => {
  const show = {
    name: 'show',
    setup({ handle }: Parameters<typeof who.setup>[0]) {
      handle('GET', '/who', ({ remoteAddress, protocol, host, headers }) => ({
        json: { remoteAddress, protocol, host, forwarded: headers.forwarded },
      }));
    },
  };
  for (const trustedProxies of [[], ['10.0.0.0/8']]) {
    const { port } = await serverOf(t, { trustedProxies, plugins: [show] }).listen();
    const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
    peer.send(REQUEST);
    await peer.receive(
      '{"remoteAddress":"127.0.0.1","protocol":"http","host":"localhost","forwarded":"for=203.0.113.9;proto=https;host=example.org"}',
    );
  }
  t.pass();
});

test('the proxy at a Unix socket is trusted as "unix"', async (t) => {
  const socket = path.join(await tempFolder(t), 'a.sock');
  await serverOf(t, { listen: { socket }, trustedProxies: ['unix'], allowedHosts: '*' }).listen();
  const peer = await RawClient.to(t, { path: socket });
  peer.send(REQUEST);
  await peer.receive('"remoteAddress":"203.0.113.9"');
  t.pass();
});

test('END is allowed for a direct client on loopback, not through a proxy', async (t) => {
  const server = serverOf(t, { trustedProxies: ['127.0.0.1'], plugins: ['end'] });
  const end = (fields: Readonly<Record<string, string>>) => server.inject({ method: 'END', headers: fields });
  t.is((await end({ 'x-forwarded-for': '203.0.113.9' })).status, 403);
  t.is((await end({ 'x-forwarded-for': '127.0.0.1, 203.0.113.9' })).status, 403);
  t.is((await end({ 'x-forwarded-for': '203.0.113.9', forwarded: 'for=127.0.0.1' })).status, 403);
  t.is((await end({ 'x-forwarded-for': 'nonsense' })).status, 403);
  t.is((await end({ forwarded: 'for=_hidden' })).status, 403);
  t.is((await end({ forwarded: 'for=unknown' })).status, 403);
  // The fields of HAProxy and nginx with their default configuration.
  t.is((await end({})).status, 403);
  t.is((await end({ 'x-forwarded-proto': 'http' })).status, 403);
  // The field from a client, which both pass on unless they are configured to set it.
  t.is((await end({ 'x-forwarded-for': '127.0.0.1' })).status, 403);
  t.is((await end({ forwarded: 'for="[::1]"' })).status, 403);
  t.is((await end({ 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' })).status, 403);
  t.is((await server.inject({ method: 'OPTIONS' })).status, 405, 'the server still answers');
});

test('clients that no proxy names share one bucket of rate-limit, and are unknown in the access log', async (t) => {
  const folder = await tempFolder(t);
  const file = path.join(folder, 'access.log');
  const rules = [{ name: 'all', limit: 1 }];
  const server = serverOf(t, {
    trustedProxies: ['127.0.0.1'],
    plugins: [
      { use: 'access-log', options: { destination: { file }, format: 'common' } },
      { use: 'rate-limit', options: { rules } },
      'get',
    ],
  });
  t.is((await server.inject({ headers: { 'x-forwarded-for': '127.0.0.1' } })).status, 200);
  t.is((await server.inject()).status, 200);
  t.is((await server.inject({ headers: { forwarded: 'for=unknown' } })).status, 429);
  await server.close();
  const clients = (await readFile(file, 'utf8')).match(/^\S+/gm);
  t.deepEqual(clients, ['127.0.0.1', 'unknown', 'unknown']);
});
