import test from 'ava';
import { z } from 'zod';
import { definePlugin } from '../../../core/api/plugin.js';
import { knownKeysOf } from '../../../core/config/explain-issues.js';
import { lazyOptions } from '../../../core/config/lazy-options.js';
import { listBuiltIn } from '../../../core/extensions/find-extension.js';
import type { StandardSchema } from '../../../core/plugin-api.js';
import { PLUGINS } from '../../../core/plugin-host/load-plugins.js';
import { ADAPTERS } from '../../../core/storage/find-adapter.js';

test('the schema is created when it is needed, and only once', (t) => {
  let created = 0;
  const options = lazyOptions(
    (zod) => {
      created += 1;
      return zod.strictObject({ mark: zod.string().default('!').describe('What stands behind it.') });
    },
    (given) => (Object.keys(given).length === 0 ? { mark: '!' } : undefined),
  );
  const { validate } = options['~standard'];
  t.deepEqual(validate({}), { value: { mark: '!' } });
  t.is(created, 0);
  t.deepEqual(validate({ mark: '?' }), { value: { mark: '?' } });
  const refused = validate({ mrak: '?' });
  t.false(refused instanceof Promise);
  t.like(refused, { issues: [{ code: 'unrecognized_keys', keys: ['mrak'] }] });
  t.is(created, 1);
  t.deepEqual(knownKeysOf(options), ['mark']);
  t.like(z.toJSONSchema(options as unknown as z.ZodType, { io: 'input' }), {
    properties: { mark: { default: '!', description: 'What stands behind it.' } },
  });
});

test('only plain objects skip the schema', (t) => {
  const options = lazyOptions(
    (zod) => zod.strictObject({}),
    () => ({}),
  );
  for (const given of [undefined, null, 'a', [], new Map(), Object.create({ a: 1 })]) {
    t.true('issues' in options['~standard'].validate(given) || given instanceof Map, String(given));
  }
});

test('a plugin gets the output type of its schema', (t) => {
  const plugin = definePlugin({
    name: 'a',
    options: lazyOptions(
      (zod) => zod.strictObject({ times: zod.int().default(1) }),
      (given) => (Object.keys(given).length === 0 ? { times: 1 } : undefined),
    ),
    setup({ options }) {
      const times: number = options.times;
      return void times;
    },
  });
  t.is(plugin.name, 'a');
});

interface Lazy extends StandardSchema<unknown, unknown> {
  readonly schema: StandardSchema<unknown, unknown>;
}

const GIVEN: readonly object[] = [
  {},
  { unknown: 1 },
  { path: '' },
  { path: 'a.json' },
  { path: 1 },
  { path: undefined },
  { path: 'a.json', historyChanges: 5 },
  { historyOctets: 0 },
  { from: 'anywhere' },
  { from: 'nowhere' },
  { timeZone: 'UTC' },
  { zoneLabel: '' },
];

for (const [kind, door] of [
  [PLUGINS, 'plugins'],
  [ADAPTERS, 'storage-adapters'],
] as const) {
  test(`${door}: the output without the schema equals the output of the schema`, async (t) => {
    let lazy = 0;
    for (const name of await listBuiltIn(kind)) {
      const { default: made }: { default: { options?: StandardSchema<unknown, unknown> } } = await import(
        `jackfield/${door}/${name}`
      );
      if (made.options === undefined || !('schema' in made.options)) continue;
      lazy += 1;
      const { schema } = made.options as Lazy;
      for (const given of GIVEN) {
        const now = await made.options['~standard'].validate(given);
        const then = await schema['~standard'].validate(given);
        const label = `${name}: ${JSON.stringify(given)}`;
        if (then.issues !== undefined) t.truthy(now.issues, label);
        else t.deepEqual(now, then, label);
      }
    }
    t.is(lazy, 2);
  });
}
