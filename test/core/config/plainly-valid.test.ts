/** Compares the recognition of valid configurations without a schema with the schema. */
import test from 'ava';
import fc from 'fast-check';
import { programSchema } from '../../../core/config/config-schema.js';
import { DEFAULT_LIMITS } from '../../../core/config/limits.js';
import { isPlainlyValid } from '../../../core/config/plainly-valid.js';
import { DEFAULT_CONFIG } from '../../../core/config/server-config.js';

test('usual configurations are recognised', (t) => {
  const usual = [
    {},
    DEFAULT_CONFIG,
    { ...DEFAULT_CONFIG, limits: DEFAULT_LIMITS },
    { $schema: './jackfield.schema.json', storage: 'memory', allowedHosts: '*', listen: { port: 0 } },
    {
      listen: [
        { host: '::', port: 80 },
        { socket: '/run/jackfield.sock', socketMode: '660' },
      ],
    },
    { listen: { tls: { cert: 'cert.pem', key: 'key.pem' } } },
    { plugins: ['get', { use: './a.js', options: { a: 1 }, prefix: '/api', as: 'b' }] },
    { plugins: [() => {}, { name: 'a', setup: () => {} }], storage: { adapter: { create: () => ({}) } } },
    { crossSite: 'refuse' },
    { crossSite: 'allow' },
    { trustedProxies: ['10.0.0.0/8', 'unix'], overload: { maxInFlight: 10 } },
    { limits: { maxBodyOctets: 10_485_760, headerTimeoutMs: undefined } },
  ];
  for (const config of usual) t.true(isPlainlyValid(config), JSON.stringify(config));
});

/** Valid, invalid and boundary values. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  -1,
  -0,
  0,
  1,
  31,
  32,
  1.5,
  65_535,
  65_536,
  100_000,
  100_001,
  16 * 2 ** 20,
  16 * 2 ** 20 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1n,
  Symbol('s'),
  new Date(0),
  new Map(),
  /a/,
  () => {},
  class A {},
  { setup: () => {} },
  { open: () => {} },
  ...[
    '',
    ' ',
    '*',
    'a',
    '/',
    '/api',
    '/api/',
    '/a/../b',
    '/:a',
    '::',
    '[::1]',
    '[a]',
    '127.0.0.1',
    'a b',
    '10.0.0.0/8',
  ],
  ...[
    '10.0.0.0/33',
    '::/128',
    '::/129',
    'unix',
    '660',
    '888',
    'a\0b',
    'TLSv1.2',
    'TLSv1.1',
    './x.js',
    '80',
    'refuse',
    'allow',
  ],
];
const KEYS = [
  ...[
    '$schema',
    'listen',
    'allowedHosts',
    'crossSite',
    'trustedProxies',
    'storage',
    'plugins',
    'limits',
    'overload',
  ],
  ...['host', 'port', 'socket', 'socketMode', 'tls', 'sharedReadBuffer', 'cert', 'key', 'ca', 'minVersion'],
  ...['adapter', 'options', 'use', 'prefix', 'as', 'maxLoopDelayMs', 'maxInFlight', 'retryAfterSeconds'],
  ...['constructor', 'toString', '__proto__', 'unknown'],
  ...Object.keys(DEFAULT_LIMITS),
];

const value = fc.constantFrom(...VALUES);
const objectOf = (...keys: readonly string[]): fc.Arbitrary<object> =>
  fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
const listOf = (one: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(fc.array(one, { maxLength: 3 }), fc.constant(new Array(1)));
const or = (...more: readonly fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> => fc.oneof(value, ...more);

const tls = objectOf('cert', 'key', 'ca', 'minVersion', 'unknown');
const listener = fc
  .tuple(objectOf('host', 'port', 'socket', 'socketMode', 'sharedReadBuffer'), fc.option(or(tls)))
  .map(([rest, inner]) => (inner === null ? rest : { ...rest, tls: inner }));
const config = fc.record(
  {
    $schema: value,
    listen: or(listener, listOf(or(listener))),
    allowedHosts: or(listOf(value)),
    crossSite: value,
    trustedProxies: or(listOf(value)),
    storage: or(objectOf('adapter', 'options', 'unknown')),
    plugins: or(listOf(or(objectOf('use', 'options', 'prefix', 'as')))),
    limits: or(
      objectOf(...Object.keys(DEFAULT_LIMITS)),
      fc.constantFrom(...Object.keys(DEFAULT_LIMITS)).chain((name) => objectOf(name)),
    ),
    overload: or(objectOf('maxLoopDelayMs', 'maxInFlight', 'retryAfterSeconds', 'unknown')),
  },
  { requiredKeys: [] },
);
/** One key at a time, so that more of the configurations are valid. */
const single = config.chain((whole) => {
  const keys = Object.keys(whole) as (keyof typeof whole)[];
  return keys.length === 0
    ? fc.constant(whole)
    : fc.constantFrom(...keys).map((key) => ({ [key]: whole[key] }));
});
const anyKeys = fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 4 });

test('every recognised configuration is valid for the schema too', (t) => {
  let recognised = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.oneof(single, config, anyKeys, value), (given) => {
      const { success } = programSchema.safeParse(given);
      if (!success) refused += 1;
      if (!isPlainlyValid(given)) return;
      recognised += 1;
      t.true(success);
    }),
    { numRuns: 20_000 },
  );
  // Otherwise the test would prove nothing.
  t.true(recognised > 500, `${recognised} recognised`);
  t.true(refused > 500, `${refused} refused`);
});

test('the default of every limit is recognised, and edge values only if the schema accepts them', (t) => {
  for (const [name, usual] of Object.entries(DEFAULT_LIMITS)) {
    t.true(isPlainlyValid({ limits: { [name]: usual } }), name);
    for (const edge of [0, 1, 31, 32, 100_000, 16 * 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 40]) {
      const given = { limits: { [name]: edge } };
      if (isPlainlyValid(given)) t.true(programSchema.safeParse(given).success, `${name}: ${edge}`);
    }
  }
});

test('a custom iterator of a list hides nothing', (t) => {
  const plugins = Object.assign([42], {
    *[Symbol.iterator]() {
      yield 'get';
    },
  });
  t.false(isPlainlyValid({ plugins }));
});
