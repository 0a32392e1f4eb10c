import test from 'ava';
import { isSameOrigin } from '../../../core/http/origin-field.js';

test('an origin equals the requested host in any spelling of name and port', (t) => {
  for (const [origin, protocol, host] of [
    ['http://a.example', 'http', 'a.example'],
    ['http://a.example', 'http', 'a.example:80'],
    ['http://a.example:80', 'http', 'a.example'],
    ['http://a.example:080', 'http', 'a.example'],
    ['https://a.example', 'https', 'a.example:443'],
    ['http://A.Example', 'http', 'a.EXAMPLE'],
    ['HTTP://a.example', 'http', 'a.example'],
    ['http://a.example', 'http', 'a.example.'],
    ['http://a.example.:1', 'http', 'a.example:1'],
    ['http://127.0.0.1:10000', 'http', '127.0.0.1:10000'],
    ['http://[::1]:10000', 'http', '[::1]:10000'],
    ['http://[::1]', 'http', '[0:0:0:0:0:0:0:1]:80'],
    ['http://[2001:DB8::A]', 'http', '[2001:db8::a]'],
    // A proxy that ends TLS and does not say so.
    ['https://a.example', 'http', 'a.example'],
    ['https://a.example:8443', 'http', 'a.example:8443'],
  ] as const)
    t.true(isSameOrigin(origin, protocol, host), `${origin} ${protocol} ${host}`);
});

test('any other origin is a different one', (t) => {
  for (const [origin, protocol, host] of [
    ['http://b.example', 'http', 'a.example'],
    ['http://a.example.evil.test', 'http', 'a.example'],
    ['http://a.example:81', 'http', 'a.example'],
    ['http://localhost:10000', 'http', '127.0.0.1:10000'],
    ['http://localhost:5173', 'http', 'localhost:10000'],
    ['http://a.example', 'https', 'a.example'],
    ['http://a.example:443', 'https', 'a.example'],
    ['https://a.example', 'http', 'a.example:80'],
    ['http://[::2]', 'http', '[::1]'],
    ['null', 'http', 'null'],
    ['', 'http', ''],
    ['http://', 'http', ''],
    ['http://a.example', 'http', ''],
    ['http://a.example, http://a.example', 'http', 'a.example'],
    ['http://a.example http://b.example', 'http', 'a.example'],
    ['http://a.example/', 'http', 'a.example'],
    ['http://a.example@b.example', 'http', 'a.example'],
    ['http://b.example@a.example', 'http', 'a.example'],
    ['http://a.example:99999', 'http', 'a.example'],
    ['ftp://a.example', 'http', 'a.example'],
    ['chrome-extension://a.example', 'http', 'a.example'],
    ['a.example', 'http', 'a.example'],
    ['//a.example', 'http', 'a.example'],
  ] as const)
    t.false(isSameOrigin(origin, protocol, host), `${origin} ${protocol} ${host}`);
});
