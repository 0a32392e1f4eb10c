/** Compares docs/configuration.md and the default configuration file with the schema and the defaults. */
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { readConfig } from '../../core/config/config-file.js';
import { configSchema } from '../../core/config/config-schema.js';
import { DEFAULT_LIMITS } from '../../core/config/limits.js';
import { withDefaults } from '../../core/config/resolved-config.js';
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import { ROOT, readText } from '../repository.js';

const PAGE = 'docs/configuration.md';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

const schema = z.toJSONSchema(configSchema, { unrepresentable: 'any' }) as JsonSchema;

/** The cells of the row that begins with this key. */
function row(page: string, key: string): string[] | undefined {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`| \`${key}\` |`));
  return line?.split('|').map((cell) => cell.trim());
}

test('the file that npm start serves is the default configuration', async (t) => {
  const { config, source } = await readConfig(path.join(ROOT, 'jackfield.config.json'), ROOT);
  t.is(source.folder, ROOT);
  t.deepEqual(withDefaults(config), withDefaults(DEFAULT_CONFIG));
  t.deepEqual(config, { ...DEFAULT_CONFIG, limits: DEFAULT_LIMITS });
});

test('the page lists every key and no other, with its default', async (t) => {
  const page = await readText(PAGE);
  const { listen, limits, overload, ...top } = schema.properties ?? {};
  // One listener, or a list of them.
  const listener = listen?.anyOf?.find(({ properties }) => properties !== undefined);
  const { tls } = listener?.properties ?? {};
  const inParts = { listen: listener, 'listen.tls': tls, limits, overload };
  const keys = [...Object.keys(top), ...Object.keys(inParts)];
  for (const [key, { default: value }] of Object.entries(top)) {
    const told = row(page, key)?.[2];
    if (value === undefined) t.is(told, '', key);
    else t.deepEqual(JSON.parse(told?.replaceAll('`', '') ?? ''), value, key);
  }
  for (const [part, { properties } = {}] of Object.entries(inParts)) {
    for (const [name, { default: value }] of Object.entries(properties ?? {})) {
      const key = `${part}.${name}`;
      keys.push(key);
      t.is(row(page, key)?.[2]?.replaceAll('`', ''), value === undefined ? '' : JSON.stringify(value), key);
    }
  }
  const tables = page.slice(page.indexOf('## Keys'));
  const told = Array.from(tables.matchAll(/^\| `([$\w.]+)` \|/gm), ([, key]) => key);
  const names = new Set(keys);
  t.deepEqual(
    told.filter((key) => key === undefined || !names.has(key)),
    [],
  );
});

test('the page lists the minimum and the maximum of every limit', async (t) => {
  const page = await readText(PAGE);
  for (const [name, { minimum, maximum }] of Object.entries(schema.properties?.limits?.properties ?? {})) {
    const [, , , from, to] = row(page, `limits.${name}`) ?? [];
    t.deepEqual([from, to], [String(minimum), String(maximum)], name);
  }
});
