import { scryptSync } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import { credentialsOf } from '../../plugins/auth/credentials.js';
import { Passwords } from '../../plugins/auth/passwords.js';
import { isPasswordHash, parsePasswordHash } from '../../plugins/auth/scrypt.js';
import { hashPassword, hashToken, identity, newToken } from '../../plugins/auth.js';
import { type Server, served } from './served.js';

/** The cheapest hash that the plugin accepts, because these tests do not measure time. */
function cheap(password: string): string {
  const salt = Buffer.from('0123456789abcdef');
  const hash = scryptSync(password, salt, 32, { N: 1_024, r: 8, p: 1 });
  const text = (octets: Buffer) => octets.toString('base64').replaceAll('=', '');
  return `$scrypt$ln=10,r=8,p=1$${text(salt)}$${text(hash)}`;
}

const TOKEN = newToken();
const identities: { name: string; password?: string; tokens?: string[]; roles: string[] }[] = [
  { name: 'ann', password: cheap('päss:word'), roles: ['admin'] },
  { name: 'bob', password: cheap('hunter2'), roles: [] },
  { name: 'robot', tokens: [hashToken('other'), hashToken(TOKEN)], roles: ['read'] },
];

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const ANN = basic('ann', 'päss:word');
const BOB = basic('bob', 'hunter2');
const ROBOT = `Bearer ${TOKEN}`;

const who = definePlugin({
  name: 'who',
  setup({ handle }) {
    handle('*', '/*', (request) => ({ json: identity(request) ?? null }));
    handle('GET', '/admin/:thing', () => 'admin');
  },
});

const withOptions = (t: ExecutionContext, options: object = {}): Promise<Server> =>
  served(t, { plugins: [{ use: 'auth', options: { identities, ...options } }, who, 'head'] });

const ask = (server: Server, authorization: string | undefined, target = '/a', method = 'GET') =>
  server.inject({
    method,
    target,
    headers: authorization === undefined ? {} : { Authorization: authorization },
  });

test('a password and a token give access, and handlers get the identity', async (t) => {
  const server = await withOptions(t);
  t.deepEqual((await ask(server, ANN)).json(), { name: 'ann', roles: ['admin'], scheme: 'basic' });
  t.deepEqual((await ask(server, BOB)).json(), { name: 'bob', roles: [], scheme: 'basic' });
  t.deepEqual((await ask(server, ROBOT)).json(), { name: 'robot', roles: ['read'], scheme: 'bearer' });
  t.is((await ask(server, ROBOT.replace('Bearer', 'bEARER'))).status, 200);
});

test('a HEAD that is forwarded to GET has the identity too', async (t) => {
  const greet = definePlugin({
    name: 'greet',
    setup({ handle }) {
      handle('GET', '/', (request) => ({
        headers: { 'X-Who': identity(request)?.name ?? 'nobody' },
        body: '',
      }));
    },
  });
  const server = await served(t, { plugins: [{ use: 'auth', options: { identities } }, greet, 'head'] });
  t.is((await ask(server, ANN, '/', 'HEAD')).headers['x-who'], 'ann');
});

test('all other requests are 401, with the available schemes', async (t) => {
  const server = await withOptions(t, { realm: 'The shop' });
  const challenge = 'Bearer realm="The shop", Basic realm="The shop", charset="UTF-8"';
  const invalid = 'Bearer realm="The shop", error="invalid_token", Basic realm="The shop", charset="UTF-8"';
  for (const [authorization, challenges] of [
    [undefined, challenge],
    ['', challenge],
    ['Basic', challenge],
    ['Basic !!!', challenge],
    ['Digest abc', challenge],
    [basic('ann', 'wrong'), challenge],
    [basic('nobody', 'päss:word'), challenge],
    [basic('', ''), challenge],
    [basic('robot', TOKEN), challenge],
    [basic('__proto__', 'x'), challenge],
    [`Basic ${Buffer.from('ann').toString('base64')}`, challenge],
    [`Basic ${Buffer.from('ann:p\xe4ss:word', 'latin1').toString('base64')}`, challenge],
    [`Bearer ${newToken()}`, invalid],
    [`Bearer ${TOKEN}x`, invalid],
    [`Bearer ${hashToken(TOKEN).slice(7)}`, invalid],
    [`${ROBOT}, ${ROBOT}`, challenge],
    [`${ROBOT} ${ANN}`, challenge],
  ] as const) {
    const { status, headers, text } = await ask(server, authorization);
    t.is(status, 401, authorization);
    t.is(headers['www-authenticate'], challenges, authorization);
    t.is(text, 'This request needs valid credentials (RFC 9110 §15.5.2).');
  }
});

test('two Authorization fields count as none', async (t) => {
  const { status } = await (await withOptions(t)).inject({ headers: { Authorization: [ANN, 'Basic x'] } });
  t.is(status, 401);
});

test('only schemes that an identity uses are offered', async (t) => {
  const onlyTokens = await withOptions(t, { identities: identities.slice(2) });
  t.is((await ask(onlyTokens, undefined)).headers['www-authenticate'], 'Bearer realm="jackfield"');
  t.is((await ask(onlyTokens, ANN)).status, 401);
  const onlyPasswords = await withOptions(t, { identities: identities.slice(0, 2) });
  t.is(
    (await ask(onlyPasswords, ROBOT)).headers['www-authenticate'],
    'Basic realm="jackfield", charset="UTF-8"',
  );
});

test('the first matching rule decides; without a match every identity is allowed', async (t) => {
  const server = await withOptions(t, {
    rules: [
      { path: '/health/*', allow: 'anyone' },
      { methods: ['GET'], path: '/open', allow: 'anyone' },
      { path: '/admin/*', allow: ['admin', 'root'] },
      { methods: ['PURGE'], allow: ['admin'] },
    ],
  });
  const status = async (authorization: string | undefined, target: string, method = 'GET') =>
    (await ask(server, authorization, target, method)).status;
  t.is(await status(undefined, '/health/live'), 200);
  t.is(await status('Basic garbage', '/health/live'), 200);
  t.is(await status(undefined, '/open'), 200);
  t.is(await status(undefined, '/open', 'HEAD'), 200);
  t.is(await status(undefined, '/open', 'POST'), 401);
  t.is(await status(undefined, '/admin/x'), 401);
  t.is(await status(BOB, '/admin/x'), 403);
  t.is(await status(ROBOT, '/admin/x'), 403);
  t.is(await status(ANN, '/admin/x'), 200);
  t.is(await status(BOB, '/x', 'PURGE'), 403);
  t.is(await status(ANN, '/x', 'PURGE'), 200);
  t.is(await status(BOB, '/anything'), 200);
  t.is(await status(undefined, '/anything'), 401);
});

test('a rule for GET applies to HEAD, so that HEAD does not reveal what GET must not', async (t) => {
  const server = await withOptions(t, {
    rules: [{ methods: ['GET'], path: '/admin/*', allow: ['admin'] }, { allow: 'anyone' }],
  });
  t.is((await ask(server, undefined, '/admin/x', 'HEAD')).status, 401);
  t.is((await ask(server, BOB, '/admin/x', 'HEAD')).status, 403);
  t.is((await ask(server, undefined, '/other', 'HEAD')).status, 200);
});

test('other spellings of a path do not bypass its rule', async (t) => {
  const server = await withOptions(t, {
    rules: [{ path: '/admin/:thing', allow: ['admin'] }, { allow: 'anyone' }],
  });
  for (const target of [
    '/admin/x',
    '/%61dmin/x',
    '/admin/%78',
    '/admin/x?y',
    'http://127.0.0.1/admin/x',
    '/admin/a%2Fb',
  ]) {
    const { status, text } = await ask(server, undefined, target);
    t.is(status, 401, target);
    t.not(text, 'admin');
  }
  // These are different paths, also for the registry.
  for (const target of ['//admin/x', '/Admin/x', '/admin//x', '/./admin/x', '/x/../admin/x'])
    t.not((await ask(server, undefined, target)).text, 'admin', target);
});

test('a path that an upstream could read as a guarded one is guarded too', async (t) => {
  const server = await withOptions(t, {
    rules: [
      { path: '/admin/*', allow: ['admin'] },
      { path: '/open/*', allow: 'anyone' },
      { path: '/tea/:kind', allow: 'identified' },
      { allow: 'anyone' },
    ],
  });
  for (const target of [
    '//admin/x',
    '///admin//x',
    '/admin%2Fx',
    '/admin%2fx',
    '/admin%5Cx',
    '/admin;v=1/x',
    '/%61dmin;v=1%2Fx',
    '/open/../admin/x',
    '/open%2F..%2Fadmin/x',
    '/./admin/x',
    '/open/%2e%2e/admin/x',
    'http://127.0.0.1//admin/x',
    '/open//admin/../../admin/',
  ]) {
    t.is((await ask(server, undefined, target)).status, 401, target);
    t.is((await ask(server, BOB, target)).status, 403, target);
    t.is((await ask(server, ANN, target)).status, 200, target);
    t.is((await ask(server, undefined, target, 'PURGE')).status, 401, target);
  }
  // No reading of these is guarded.
  for (const target of [
    '//open//x',
    '/open/a%2Fb',
    '/open/admin',
    '/administrator/x',
    '/open/;admin/x',
    '/a//b/',
  ])
    t.is((await ask(server, undefined, target)).status, 200, target);
  // A guarded path stays guarded, even if another reading of it is not.
  t.is((await ask(server, undefined, '/admin/../open/x')).status, 401);
  t.is((await ask(server, undefined, '/tea/..')).status, 401);
});

test('a client without access does not learn which paths exist', async (t) => {
  const server = await served(t, { plugins: [{ use: 'auth', options: { identities } }, 'get'] });
  const [there, nowhere] = [await ask(server, undefined, '/'), await ask(server, undefined, '/nowhere')];
  t.deepEqual([there.status, there.text], [nowhere.status, nowhere.text]);
});

test('with "anyone" there is no identity, whatever credentials are sent', async (t) => {
  const server = await withOptions(t, { rules: [{ allow: 'anyone' }] });
  t.is((await ask(server, ANN)).json(), null);
});

test('an unknown name is checked like a known one, so that the timing is the same', async (t) => {
  for (const name of ['ann', 'nobody', 'robot']) {
    const passwords = new Passwords(identities, { cacheSeconds: 300, maxChecks: 1, maxWaiting: 0 });
    const first = passwords.find(name, 'wrong');
    // The only place is taken, so a check is under way, also for an unknown name.
    await t.throwsAsync(passwords.find('bob', 'wrong too'), { message: /The server is overloaded/ }, name);
    t.is(await first, undefined, name);
    t.is((await passwords.find('bob', 'hunter2'))?.name, 'bob');
  }
});

test('a remembered password does not wait for a check, unless remembering is off', async (t) => {
  for (const cacheSeconds of [300, 0]) {
    const passwords = new Passwords(identities, { cacheSeconds, maxChecks: 1, maxWaiting: 0 });
    t.is((await passwords.find('bob', 'hunter2'))?.name, 'bob');
    const busy = passwords.find('ann', 'wrong');
    if (cacheSeconds > 0) t.is((await passwords.find('bob', 'hunter2'))?.name, 'bob');
    else await t.throwsAsync(passwords.find('bob', 'hunter2'));
    await busy;
  }
});

test('a right password is remembered, a wrong one is not', async (t) => {
  const server = await withOptions(t);
  for (let at = 0; at < 3; at++) {
    t.is((await ask(server, ANN)).status, 200);
    t.is((await ask(server, basic('ann', 'wrong'))).status, 401);
  }
});

test('passwords beyond maxWaiting are refused with Retry-After, and the others are still checked', async (t) => {
  const server = await withOptions(t, { maxChecks: 1, maxWaiting: 2 });
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, at) => ask(server, basic('ann', `wrong ${at}`))),
  );
  const statuses = answers.map(({ status }) => status);
  t.is(statuses.filter((status) => status === 401).length, 3);
  t.is(statuses.filter((status) => status === 503).length, 7);
  t.is(answers.find(({ status }) => status === 503)?.headers['retry-after'], '1');
  t.is((await ask(server, ANN)).status, 200);
  // A client with a token does not wait for them.
  const [, robot] = await Promise.all([ask(server, basic('ann', 'x')), ask(server, ROBOT)]);
  t.is(robot.status, 200);
});

test('the same credentials at the same time are checked once', async (t) => {
  const passwords = new Passwords(identities, { cacheSeconds: 0, maxChecks: 1, maxWaiting: 0 });
  const found = await Promise.all(Array.from({ length: 10 }, () => passwords.find('ann', 'päss:word')));
  t.true(found.every((one) => one?.name === 'ann'));
});

test('a hash is made by scrypt, with its own salt, in the PHC format', async (t) => {
  const [one, other] = [await hashPassword('secret'), await hashPassword('secret')];
  t.not(one, other);
  t.regex(one, /^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  const { salt, hash } = parsePasswordHash(one)!;
  t.deepEqual(scryptSync('secret', salt, 32, { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 }), hash);
  t.true(isPasswordHash(one));
});

test('hashes that are too weak, or that need too much memory, are refused', (t) => {
  const [salt, hash] = ['MDEyMzQ1Njc4OWFiY2RlZg', 'A'.repeat(43)];
  for (const text of [
    '',
    'secret',
    `$scrypt$ln=9,r=8,p=1$${salt}$${hash}`,
    `$scrypt$ln=20,r=8,p=1$${salt}$${hash}`,
    `$scrypt$ln=15,r=0,p=1$${salt}$${hash}`,
    `$scrypt$ln=15,r=8,p=1$$${hash}`,
    `$scrypt$ln=15,r=8,p=1$${salt}$`,
    `$scrypt$ln=15,r=8,p=1$${salt}$AAAA`,
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${hash}`,
  ])
    t.false(isPasswordHash(text), text);
});

test('the Authorization field is parsed strictly', (t) => {
  t.deepEqual(credentialsOf('Basic  YTpiOmM='), { scheme: 'basic', name: 'a', password: 'b:c' });
  t.deepEqual(credentialsOf('bearer a.b-c_d~e+f/g=='), { scheme: 'bearer', token: 'a.b-c_d~e+f/g==' });
  for (const field of [
    undefined,
    'YTpi',
    'Basic\tYTpi',
    'Basic YTpi x',
    'Bearer a,b',
    'Bearer "a"',
    'Bearer =',
    'BasicYTpi',
  ])
    t.is(credentialsOf(field), undefined, field);
});

test('invalid options are refused, and the error shows no secret', async (t) => {
  for (const options of [
    { identities: [] },
    { identities: [{ name: 'a:b' }] },
    { identities: [{ name: 'a' }, { name: 'a' }] },
    { identities: [{ name: 'a', password: 'plain-secret' }] },
    { identities: [{ name: 'a', tokens: ['plain-secret'] }] },
    { realm: 'a"b' },
    { rules: [{ path: 'a', allow: 'anyone' }] },
    { rules: [{ allow: 'everyone' }] },
    { rules: [{ path: '/a' }] },
    { rules: [{ allow: [] }] },
  ]) {
    const error = await t.throwsAsync(withOptions(t, options));
    t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' }, JSON.stringify(options));
    t.false(error?.message.includes('plain-secret'), error?.message);
  }
});
