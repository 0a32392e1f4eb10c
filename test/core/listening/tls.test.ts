import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { plainSource } from '../../../core/config/config-file.js';
import type { TlsConfig } from '../../../core/config/server-config.js';
import { JackfieldError } from '../../../core/errors.js';
import { loadTls } from '../../../core/listening/tls-material.js';
import { createServer, type Server } from '../../../core/server.js';
import { LOCKED_KEY, ONE, TWO } from '../../support/certificates.js';
import { RawClient } from '../../support/raw-client.js';
import { isStartWarning } from '../../support/start-warnings.js';
import { GET_WHO, KeptLog, serverOf, who } from '../../support/who.js';
import { tempFolder } from '../temp-folder.js';

function subjectOf({ socket }: RawClient): string {
  return String((socket as tls.TLSSocket).getPeerCertificate().subject.CN);
}

test('HTTPS works with pipelining and keep-alive, and handlers see the protocol', async (t) => {
  const server = serverOf(t, { listen: { port: 0, tls: ONE } });
  const { port, url } = await server.listen();
  t.is(url, `https://127.0.0.1:${port}`);
  const peer = await RawClient.secure(t, { port, ALPNProtocols: ['h2', 'http/1.1'] });
  t.is((peer.socket as tls.TLSSocket).alpnProtocol, 'http/1.1');
  t.is(subjectOf(peer), 'jackfield test one');
  peer.send(GET_WHO + GET_WHO);
  t.deepEqual(await peer.answers(2), ['200', '200']);
  t.true(peer.unread.includes('{"remoteAddress":"127.0.0.1","protocol":"https","host":"localhost"}'));
  peer.send(GET_WHO.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  await peer.gone();
  t.deepEqual(await peer.answers(3), ['200', '200', '200']);
  t.is(peer.error, undefined);
});

test('large bodies work in both directions over TLS', async (t) => {
  const octets = 4_000_000;
  const echo = {
    name: 'echo',
    setup({ handle }: Parameters<typeof who.setup>[0]) {
      handle('POST', '/echo', async (request) => {
        const body = await request.bytes();
        return { body, headers: { 'Content-Length': String(body.length) } };
      });
    },
  };
  const server = serverOf(t, {
    listen: { port: 0, tls: ONE },
    plugins: [echo],
    limits: { maxBodyOctets: octets },
  });
  const { port } = await server.listen();
  const peer = await RawClient.secure(t, { port });
  peer.send(
    `POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${octets}\r\n\r\n`,
  );
  peer.send('x'.repeat(octets));
  await peer.gone();
  t.is(peer.unread.length - peer.unread.indexOf('\r\n\r\n') - 4, octets);
});

test('relative paths of certificates start at the folder of the configuration', async (t) => {
  const folder = await tempFolder(t, { 'tls/a.crt': ONE.cert, 'tls/a.key': ONE.key });
  const listen = { port: 0, tls: { cert: 'tls/a.crt', key: 'tls/a.key' } };
  const server = createServer({ listen, storage: 'memory', plugins: [who] }, { source: plainSource(folder) });
  t.teardown(() => server.close());
  const { port } = await server.listen();
  t.is(subjectOf(await RawClient.secure(t, { port })), 'jackfield test one');
});

/** The error of `ready` for these files. */
async function faultOf(t: ExecutionContext, config: TlsConfig, folder: string): Promise<string> {
  const server = createServer(
    { listen: { tls: config }, storage: 'memory', plugins: [] },
    { source: plainSource(folder) },
  );
  t.teardown(() => server.close());
  const error = await t.throwsAsync(server.ready(), { instanceOf: JackfieldError });
  return `${error?.code}: ${error?.message}`;
}

test('a faulty certificate is reported with its file before anything is set up', async (t) => {
  const folder = await tempFolder(t, {
    'a.crt': ONE.cert,
    'a.key': ONE.key,
    'b.key': TWO.key,
    'locked.key': LOCKED_KEY,
    'text.pem': 'no PEM at all',
    'cut.key': ONE.key.slice(0, 100),
  });
  const [cert, key] = ['a.crt', 'a.key'];
  const unreadable = 'TLS_UNREADABLE: A TLS file cannot be read:';
  const invalid = 'TLS_INVALID: The TLS certificate or key cannot be used:';
  t.is(
    await faultOf(t, { cert: 'none.crt', key }, folder),
    `${unreadable} none.crt, the "cert": there is no such file.`,
  );
  t.is(await faultOf(t, { cert, key: '.' }, folder), `${unreadable} ., the "key": it is a folder.`);
  t.is(await faultOf(t, { cert, key: 'b.key' }, folder), `${invalid} b.key is not the private key of a.crt.`);
  t.is(
    await faultOf(t, { cert: ONE.cert, key: TWO.key }, folder),
    `${invalid} the text of "key" is not the private key of the text of "cert".`,
  );
  t.is(
    await faultOf(t, { cert: 'text.pem', key }, folder),
    `${invalid} text.pem has no certificate in PEM form.`,
  );
  t.is(await faultOf(t, { cert: 'a.key', key }, folder), `${invalid} a.key has no certificate in PEM form.`);
  t.is(
    await faultOf(t, { cert, key: 'cut.key' }, folder),
    `${invalid} cut.key has no private key in PEM form.`,
  );
  t.is(
    await faultOf(t, { cert, key: 'locked.key' }, folder),
    `${invalid} locked.key is protected by a passphrase; remove the passphrase.`,
  );
  t.is(
    await faultOf(t, { cert, key, ca: 'text.pem' }, folder),
    `${invalid} text.pem has no certificate in PEM form.`,
  );
  if (process.getuid?.() !== 0) {
    await chmod(path.join(folder, 'a.key'), 0);
    t.is(
      await faultOf(t, { cert, key }, folder),
      `${unreadable} a.key, the "key": this user may not read it.`,
    );
  }
});

async function secured(
  t: ExecutionContext,
  log: KeptLog,
): Promise<{ server: Server; folder: string; port: number }> {
  const folder = await tempFolder(t, { 'a.crt': ONE.cert, 'a.key': ONE.key });
  const server = createServer(
    { listen: { port: 0, tls: { cert: 'a.crt', key: 'a.key' } }, storage: 'memory', plugins: [who] },
    { source: plainSource(folder), log },
  );
  t.teardown(() => server.close());
  const { port } = await server.listen();
  return { server, folder, port };
}

test('a new certificate is used without a restart, and open connections continue', async (t) => {
  const { server, folder, port } = await secured(t, new KeptLog());
  const before = await RawClient.secure(t, { port });
  await writeFile(path.join(folder, 'a.crt'), TWO.cert);
  await writeFile(path.join(folder, 'a.key'), TWO.key);
  t.true(await server.reloadCertificates());
  t.is(subjectOf(await RawClient.secure(t, { port })), 'jackfield test two');
  before.send(GET_WHO);
  await before.receive('200 OK');
});

test('a broken new certificate is logged and the old one stays in use', async (t) => {
  const log = new KeptLog();
  const { server, folder, port } = await secured(t, log);
  await writeFile(path.join(folder, 'a.crt'), TWO.cert);
  t.false(await server.reloadCertificates());
  const { level, fields } = await log.until('A certificate could not be reloaded');
  t.is(level, 'error');
  t.is(Reflect.get(fields.err as JackfieldError, 'code'), 'TLS_INVALID');
  t.is(subjectOf(await RawClient.secure(t, { port })), 'jackfield test one');
});

test('without TLS there is nothing to reload', async (t) => {
  const server = serverOf(t);
  t.true(await server.reloadCertificates());
  await server.listen();
  t.true(await server.reloadCertificates());
});

test('plain HTTP on a TLS port and a TLS hello on a plain port are closed, and both ports keep working', async (t) => {
  const server = serverOf(t, { listen: [{ port: 0, tls: ONE }, { port: 0 }] });
  await server.listen();
  const [secure = 0, plain = 0] = server.addresses.map(({ port }) => port);
  const lost = await RawClient.to(t, { port: secure, host: '127.0.0.1' });
  lost.send(GET_WHO);
  await lost.closed();
  t.false(lost.unread.includes('HTTP/1.1 200'));
  await t.throwsAsync(RawClient.secure(t, { port: plain }));

  for (const peer of [
    await RawClient.secure(t, { port: secure }),
    await RawClient.to(t, { port: plain, host: '127.0.0.1' }),
  ]) {
    peer.send(GET_WHO);
    await peer.receive('200 OK');
  }
});

test('the log says what to change if a peer does not use TLS on a TLS address', async (t) => {
  for (const [octets, sentence] of [
    [GET_WHO, 'plain HTTP to an address with "tls"'],
    ['PURGE / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'data that is not TLS to an address with "tls"'],
    ['PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n', 'If a load balancer sends a PROXY protocol header'],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', 'If a load balancer sends a PROXY protocol header'],
  ] as const) {
    const log = new KeptLog();
    const { port } = await serverOf(t, { listen: { port: 0, tls: ONE } }, log).listen();
    const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
    peer.send(octets);
    const { level, fields } = await log.until(sentence);
    t.is(level, 'warn');
    t.deepEqual(fields, { remoteAddress: '127.0.0.1', count: 1, total: 1 });
    await peer.closed();
  }
});

test('a TLS handshake that fails for another reason causes no such warning', async (t) => {
  const log = new KeptLog();
  const { port } = await serverOf(t, { listen: { port: 0, tls: { ...ONE, ca: ONE.cert } } }, log).listen();
  const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
  // A handshake record without a handshake.
  peer.send('\x16\x03\x01\0\x05\xff\xff\xff\xff\xff');
  await log.until('A TLS handshake failed.');
  t.deepEqual(
    log.lines.filter((line) => line.level === 'warn' && !isStartWarning(line)),
    [],
  );
});

test('an unfinished handshake has the same timeout as a header section, and a stop does not wait for it', async (t) => {
  const slow = serverOf(t, { listen: { port: 0, tls: ONE }, limits: { headerTimeoutMs: 50 } });
  const peer = await RawClient.to(t, { port: (await slow.listen()).port, host: '127.0.0.1' });
  peer.send('\x16\x03\x01');
  await peer.closed();

  const stopped = serverOf(t, { listen: { port: 0, tls: ONE } });
  const { port } = await stopped.listen();
  const silent = await RawClient.to(t, { port, host: '127.0.0.1' });
  // The listening socket accepts connections in order.
  const next = await RawClient.secure(t, { port });
  next.send(GET_WHO);
  await next.receive('200 OK');
  await stopped.close();
  await silent.closed();
  t.pass();
});

test('a client that disconnects during or before its handshake is released at once', async (t) => {
  // A timeout would take longer than this test may take.
  const limits = { headerTimeoutMs: 600_000 };
  const server = serverOf(t, { listen: { port: 0, tls: ONE }, limits });
  const { port } = await server.listen();
  for (const octets of ['', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']) {
    const peer = await RawClient.to(t, { port, host: '127.0.0.1' });
    if (octets !== '') peer.send(octets);
    peer.socket.end();
    await peer.gone();
    t.is(peer.unread, '');
  }
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a client that ends its sending side after its request over ${version} gets its answer, however late`, async (t) => {
    let letGo: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const late = {
      name: 'late',
      setup({ handle }: Parameters<typeof who.setup>[0]) {
        handle('GET', '/late', async () => {
          await held;
          return 'late';
        });
      },
    };
    const server = serverOf(t, { listen: { port: 0, tls: ONE }, plugins: [who, late] });
    const { port } = await server.listen();
    // The type definitions do not know that TLS can be half open too.
    const options = { port, maxVersion: version, minVersion: version, allowHalfOpen: true };
    const peer = await RawClient.secure(t, options);
    peer.socket.end('GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const next = await RawClient.secure(t, { port });
    next.send(GET_WHO);
    await next.receive('200 OK');
    letGo();
    await peer.closed();
    t.true(peer.unread.endsWith('late'), peer.unread);
  });
}

test('handshakes in progress count as connections', async (t) => {
  const log = new KeptLog();
  const server = serverOf(t, { listen: { port: 0, tls: ONE }, limits: { maxConnections: 2 } }, log);
  const { port } = await server.listen();
  const silent = [
    await RawClient.to(t, { port, host: '127.0.0.1' }),
    await RawClient.to(t, { port, host: '127.0.0.1' }),
  ];
  await t.throwsAsync(RawClient.secure(t, { port }));
  await log.until('Connections were refused: 2 are open');
  for (const { socket } of silent) socket.destroy();
  for (;;) {
    try {
      await RawClient.secure(t, { port });
      break;
    } catch {
      // The server has not seen the ends yet.
    }
  }
  t.pass();
});

test('with an authority, clients need a certificate that it signed', async (t) => {
  const server = serverOf(t, { listen: { port: 0, tls: { ...ONE, ca: TWO.cert } } });
  const { port } = await server.listen();
  const known = await RawClient.secure(t, { port, ...TWO });
  known.send(GET_WHO);
  await known.receive('200 OK');
  for (const other of [{}, ONE]) {
    // TLS 1.3 reports it to a client only after the client's own part of the handshake.
    const refused = await RawClient.secure(t, { port, maxVersion: 'TLSv1.3', ...other });
    refused.send(GET_WHO);
    await refused.gone();
    t.is(refused.unread, '');
  }
});

test('the lowest TLS version is 1.2, or the value of minVersion', async (t) => {
  const server = serverOf(t, {
    listen: [
      { port: 0, tls: ONE },
      { port: 0, tls: { ...ONE, minVersion: 'TLSv1.3' } },
    ],
  });
  await server.listen();
  const [usual = 0, strict = 0] = server.addresses.map(({ port }) => port);
  const old = await RawClient.secure(t, { port: usual, maxVersion: 'TLSv1.2' });
  t.is((old.socket as tls.TLSSocket).getProtocol(), 'TLSv1.2');
  await t.throwsAsync(RawClient.secure(t, { port: strict, maxVersion: 'TLSv1.2' }));
});

test('a certificate that is a named pipe without a writer causes a timeout', async (t) => {
  const folder = await tempFolder(t);
  const cert = path.join(folder, 'pipe.pem');
  execFileSync('mkfifo', [cert]);
  await t.throwsAsync(loadTls({ cert, key: ONE.key }, folder, 50), {
    code: 'TLS_UNREADABLE',
    message: /pipe\.pem, the "cert": it took longer than 50 ms\.$/,
  });
  // Unblocks readers in this process that still wait for it.
  await writeFile(cert, '');
});
