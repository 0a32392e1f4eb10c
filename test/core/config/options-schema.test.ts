/**
 * The options of all built-in plugins and adapters, checked twice: by the JSON Schema for editors, with an independent
 * validator, and by the server. An editor must accept everything that the server accepts, and both must refuse a value
 * of a wrong type.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { plainSource } from '../../../core/config/config-file.js';
import { DEFAULT_CONFIG } from '../../../core/config/server-config.js';
import { JackfieldError } from '../../../core/errors.js';
import { listBuiltIn } from '../../../core/extensions/find-extension.js';
import { silentLog } from '../../../core/log.js';
import { loadPlugin, PLUGINS } from '../../../core/plugin-host/load-plugins.js';
import { ADAPTERS } from '../../../core/storage/find-adapter.js';
import { makeStorage } from '../../../core/storage/open-storage.js';
import { MAIN, ROOT, readText, runToEnd } from '../../repository.js';
import { ran } from '../cli/around.js';
import { tempFolder } from '../temp-folder.js';

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
}

const { stdout } = await ran(['schema', '--json'], ROOT);
const whole = JSON.parse(stdout) as { readonly definitions: Readonly<Record<string, JsonSchema>> };
const ajv = new Ajv();
// Its types describe the module as CommonJS sees it.
formats.default(ajv);
const editor: ValidateFunction = ajv.compile(whole);

const HASH = `sha256:${'0'.repeat(64)}`;

/** Valid options, with every option that has no default. */
const RIGHT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'access-log': { destination: { file: 'a.log' }, headers: ['Accept'], skip: ['/a'] },
  auth: {
    identities: [{ name: 'ann', password: undefined, tokens: [HASH], roles: ['a'] }],
    rules: [{ methods: ['GET'], path: '/', allow: ['a'] }],
  },
  cors: { origins: ['https://a.example'] },
  fetch: { mounts: [{ module: './app.js', prefix: '/a', stripPrefix: true, maxBodyOctets: 1 }] },
  proxy: { mounts: [{ target: 'http://127.0.0.1:1', maxBodyOctets: 1 }] },
  'rate-limit': { rules: [{ name: 'a', methods: ['GET'], path: '/', limit: 1 }], key: { header: 'a' } },
  'static-files': { mounts: [{ root: 'public', fallback: 'index.html', headers: { a: 'b' } }] },
  websocket: { mounts: [{ path: '/a', module: './a.js', origins: ['https://a.example'] }] },
  lru: { maxEntries: 1, maxOctets: 1, ttlMs: 1 },
  postgres: { url: 'postgres://127.0.0.1:1/a' },
  redis: { url: 'redis://127.0.0.1:1', cluster: false },
};

const source = plainSource(ROOT);

interface Kind {
  readonly word: 'plugin' | 'adapter';
  readonly code: string;
  config(name: string, options: unknown): object;
  judge(name: string, options: unknown): Promise<unknown>;
}

const KINDS: readonly Kind[] = [
  {
    word: 'plugin',
    code: 'PLUGIN_OPTIONS_INVALID',
    config: (use, options) => ({ plugins: [{ use, options }] }),
    judge: (use, options) => loadPlugin({ use, options }, 0, source),
  },
  {
    word: 'adapter',
    code: 'ADAPTER_OPTIONS_INVALID',
    config: (adapter, options) => ({ storage: { adapter, options } }),
    // As in a validated configuration.
    judge: (adapter, options) =>
      makeStorage({ adapter, options: options as Record<string, unknown> }, source, silentLog),
  },
];

/** undefined if the server accepts the options. */
async function refusal(kind: Kind, name: string, options: unknown): Promise<JackfieldError | undefined> {
  try {
    await kind.judge(name, options);
    return undefined;
  } catch (error) {
    if (error instanceof JackfieldError && error.code === kind.code) return error;
    throw error;
  }
}

type Path = readonly (string | number)[];

interface Option {
  readonly path: Path;
  readonly schema: JsonSchema;
}

/** Every option, also those in lists and objects; the first element of a list stands for all. */
function optionsIn(schema: JsonSchema, at: Path = []): Option[] {
  const here = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [
    { path: [...at, key], schema: inner },
    ...optionsIn(inner, [...at, key]),
  ]);
  const items =
    schema.items === undefined
      ? []
      : [{ path: [...at, 0], schema: schema.items }, ...optionsIn(schema.items, [...at, 0])];
  return [...here, ...items, ...(schema.anyOf ?? []).flatMap((form) => optionsIn(form, at))];
}

/** The types of values that a schema allows; undefined if it allows any. */
function kindsIn(schema: JsonSchema): ReadonlySet<string> | undefined {
  if (schema.$ref !== undefined) return new Set(['string']);
  if (schema.anyOf !== undefined) {
    const kinds = schema.anyOf.map(kindsIn);
    if (kinds.some((kind) => kind === undefined)) return undefined;
    return new Set(kinds.flatMap((kind) => [...(kind ?? [])]));
  }
  return schema.type === undefined ? undefined : new Set([schema.type]);
}

const OF_EACH_KIND: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['boolean', true],
  ['number', 1.5],
  ['string', 'a'],
  ['array', [[]]],
  ['object', { unknown: 1 }],
];

function wrongFor(schema: JsonSchema): unknown[] {
  const kinds = kindsIn(schema);
  if (kinds === undefined) return [];
  return OF_EACH_KIND.flatMap(([kind, value]) => (kinds.has(kind) ? [] : [value]));
}

/** The same options with one value changed. Missing or unsuitable parents are replaced. */
function changed(options: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const holds = typeof key === 'number' ? Array.isArray(options) : isPlain(options);
  const copy: unknown = holds ? structuredClone(options) : typeof key === 'number' ? [] : {};
  const owner = Object(copy) as Record<string | number, unknown>;
  owner[key] = changed(owner[key], rest, value);
  return owner;
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const labelOf = (name: string, where: Path, value: unknown): string =>
  `${name} ${where.join('.')}: ${JSON.stringify(value)}`;

for (const kind of KINDS) {
  for (const name of await listBuiltIn(kind.word === 'plugin' ? PLUGINS : ADAPTERS)) {
    const definition = whole.definitions[`${kind.word} ${name}`] ?? {};
    const right = JSON.parse(JSON.stringify(RIGHT[name] ?? {})) as Record<string, unknown>;
    const options = optionsIn(definition);

    test(`${kind.word} ${name}: every option has a description`, (t) => {
      for (const { path: where, schema } of options) {
        if (typeof where.at(-1) === 'string') t.regex(schema.description ?? '', /\S/, where.join('.'));
      }
      t.true(options.length > 0 || Object.keys(definition.properties ?? {}).length === 0);
    });

    test(`${kind.word} ${name}: editor and server accept valid options`, async (t) => {
      t.true(editor(kind.config(name, right)), JSON.stringify(editor.errors));
      t.is(await refusal(kind, name, right), undefined);
    });

    test(`${kind.word} ${name}: editor and server refuse a wrong type and an unknown option`, async (t) => {
      const wrong: readonly (readonly [Path, unknown])[] = [
        [['unknown'], 1],
        ...options.flatMap(({ path: where, schema }) =>
          wrongFor(schema).map((value) => [where, value] as const),
        ),
      ];
      for (const [where, value] of wrong) {
        const given = changed(right, where, value);
        t.false(editor(kind.config(name, given)), labelOf(name, where, value));
        const error = await refusal(kind, name, given);
        t.truthy(error, labelOf(name, where, value));
        const option = String(where.find((key) => typeof key === 'string'));
        t.regex(error?.message ?? '', new RegExp(`${option}|takes no options`));
      }
    });

    test(`${kind.word} ${name}: the editor accepts what the server accepts`, async (t) => {
      if (options.length === 0) {
        t.pass();
        return;
      }
      const value = fc.oneof(
        fc.jsonValue({ maxDepth: 1 }),
        fc.integer({ min: -1, max: 100_000 }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom<unknown>(
          ...[
            '/',
            '/a',
            '/a/',
            '*',
            'a',
            'A B',
            'none',
            'https://a.example',
            'http://127.0.0.1:1',
            'GET',
            HASH,
          ],
          ...[0, 1, -0, 2 ** 31, 2 ** 53, [], {}, [''], ['a', 'a'], { a: 'b' }],
          ...options.flatMap(({ schema }) => (schema.anyOf ?? [schema]).flatMap((form) => form.enum ?? [])),
        ),
      );
      const given = fc
        .array(fc.tuple(fc.constantFrom(...options), value), { minLength: 1, maxLength: 2 })
        .map((changes) =>
          changes.reduce<unknown>(
            (before, [{ path: where }, now]) =>
              // Skip it if an earlier change has replaced its parent by another type.
              isThere(before, where.slice(0, -1)) ? changed(before, where, now) : before,
            right,
          ),
        );
      let accepted = 0;
      await fc.assert(
        fc.asyncProperty(given, async (one) => {
          if ((await refusal(kind, name, one)) !== undefined) return;
          accepted += 1;
          t.true(editor(kind.config(name, one)), `${JSON.stringify(one)}: ${JSON.stringify(editor.errors)}`);
        }),
        { numRuns: 300 },
      );
      t.true(accepted > 0, name);
    });
  }
}

/** Whether there is a value that can hold others, or one can be created. */
function isThere(options: unknown, where: Path): boolean {
  let at: unknown = options;
  for (const key of where) {
    if (at === undefined) return true;
    if (typeof at !== 'object' || at === null) return false;
    at = Reflect.get(at, key);
  }
  return at === undefined || (typeof at === 'object' && at !== null);
}

test('the check command reports them too, for a plugin and the adapter, with the place', async (t) => {
  const cwd = await tempFolder(t, {
    'a.json': '{ "plugins": [{ "use": "health", "options": { "readyPath": 1 } }] }',
    'b.json': '{ "storage": { "adapter": "lru", "options": { "maxEntries": "1" } }, "plugins": [] }',
  });
  const plugin = await runToEnd(process.execPath, [MAIN, 'check', '--config', 'a.json'], { cwd });
  t.is(plugin.code, 1);
  t.regex(plugin.stderr, /a\.json:1:\d+: .*\[PLUGIN_OPTIONS_INVALID\]/);
  const adapter = await runToEnd(process.execPath, [MAIN, 'check', '--config', 'b.json'], { cwd });
  t.is(adapter.code, 1);
  t.regex(adapter.stderr, /b\.json:1:\d+: .*\[ADAPTER_OPTIONS_INVALID\]/);
});

test('editor and server accept the options of every example', async (t) => {
  let seen = 0;
  for (const { name: folder } of (await readdir(path.join(ROOT, 'examples'), { withFileTypes: true })).filter(
    (entry) => entry.isDirectory(),
  )) {
    const file = `examples/${folder}/jackfield.config.json`;
    const text = await readText(file).catch(() => undefined);
    if (text === undefined) continue;
    const config = parse(text) as { plugins?: readonly unknown[]; storage?: unknown };
    for (const entry of config.plugins ?? DEFAULT_CONFIG.plugins) {
      const { use, options } = Object(entry) as { use?: string; options?: unknown };
      if (use === undefined || whole.definitions[`plugin ${use}`] === undefined) continue;
      seen += 1;
      const [kind] = KINDS as [Kind, Kind];
      t.true(editor(kind.config(use, options ?? {})), `${file} ${use}: ${JSON.stringify(editor.errors)}`);
      t.is(await refusal(kind, use, options), undefined, `${file} ${use}`);
    }
    const { adapter, options } = Object(config.storage) as { adapter?: string; options?: object };
    if (adapter === undefined || whole.definitions[`adapter ${adapter}`] === undefined) continue;
    seen += 1;
    const [, kind] = KINDS as [Kind, Kind];
    t.true(editor(kind.config(adapter, options ?? {})), `${file} ${adapter}`);
    t.is(await refusal(kind, adapter, options ?? {}), undefined, `${file} ${adapter}`);
  }
  t.true(seen >= 6, `${seen} seen`);
});
