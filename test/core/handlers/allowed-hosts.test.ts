import test from 'ava';
import { AllowedHosts } from '../../../core/handlers/allowed-hosts.js';

test('host names are compared without case, port and trailing dot', (t) => {
  const hosts = new AllowedHosts(['Example.org', '127.0.0.1', '[::1]']);
  for (const host of [
    'example.org',
    'EXAMPLE.ORG',
    'example.org:80',
    'example.org.',
    'example.org.:8080',
    'example.org:',
    '127.0.0.1:1',
    '[::1]',
    '[::1]:10000',
  ])
    t.true(hosts.allows(host), host);
  for (const host of [
    'evil.example',
    'example.org.evil.example',
    'sub.example.org',
    'example.or',
    '127.0.0.2',
    '127.0.0.1.evil.example',
    '[::2]',
    '::1',
    '',
    '.',
    'example.org..',
    'a@example.org',
    'example.org/',
    '*',
    '__proto__',
    'constructor',
  ])
    t.false(hosts.allows(host), host);
});

test('an IPv6 address may be configured without brackets', (t) => {
  t.true(new AllowedHosts(['::1']).allows('[::1]:80'));
});

test('a star allows every host', (t) => {
  for (const names of ['*', ['*'], ['example.org', '*']] as const)
    t.true(new AllowedHosts(names as '*').allows('anything.example'));
});

test('an allowed host does not allow any other, after any number of requests', (t) => {
  const hosts = new AllowedHosts(['example.org']);
  for (let port = 0; port < 3_000; port++) {
    t.true(hosts.allows(`example.org:${port}`));
    t.false(hosts.allows(`evil${port}.example`));
  }
  t.false(hosts.allows('evil.example'));
});
