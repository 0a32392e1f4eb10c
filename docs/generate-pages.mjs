/**
 * Writes the table of options into the page of each built-in plugin and adapter, between two markers. The rest of a page
 * is written by hand. Run it after a build:
 *
 *   npm run docs                              writes the tables
 *   node docs/generate-pages.mjs --check      reports pages that are not up to date
 *
 * The table comes from the schema of the options. `.describe` of an option is its description here and in editors.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { DEFAULT_CONFIG } from '../dist/core/config/server-config.js';
import { listBuiltIn } from '../dist/core/extensions/find-extension.js';
import { PLUGINS } from '../dist/core/plugin-host/load-plugins.js';
import { ADAPTERS } from '../dist/core/storage/find-adapter.js';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const BEGIN = '<!-- Made by "npm run docs" from the code; do not edit it here. -->';
const END = '<!-- End of what is made. -->';
const KINDS = [
  { kind: PLUGINS, folder: 'plugins', door: 'plugins' },
  { kind: ADAPTERS, folder: 'adapters', door: 'storage-adapters' },
];

/** The type of an option in words: `"a" or "b"`, `number, 1 to 9`, `list of string`. */
function typeOf(schema) {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return orOf(schema.enum.map((value) => `\`${JSON.stringify(value)}\``));
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return orOf([...new Set(options.map(typeOf))]);
  if (schema.type === 'array')
    return schema.items?.type === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  if (schema.type === 'object') {
    const names = Object.keys(schema.properties ?? {});
    // The members of an object in a list are rows of their own.
    return names.length === 1 ? `object with \`${names[0]}\`` : 'object';
  }
  if (schema.type === 'integer' || schema.type === 'number') {
    const { minimum: least, maximum: most } = schema;
    const kind = schema.type === 'integer' ? 'whole number' : 'number';
    if (least === undefined || Math.abs(least) === Number.MAX_SAFE_INTEGER) return kind;
    return most === undefined || most === Number.MAX_SAFE_INTEGER
      ? `${kind}, from ${least}`
      : `${kind}, ${least} to ${most}`;
  }
  return schema.type ?? 'any value';
}

function orOf(names) {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function rowsOf({ properties = {}, required = [] }, prefix = '') {
  return Object.entries(properties).flatMap(([name, schema]) => {
    if (schema.description === undefined) throw new Error(`The option ${prefix}${name} has no description.`);
    const value = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
    const cells = [
      `\`${prefix}${name}\``,
      typeOf(schema),
      required.includes(name) && value === '' ? 'required' : value,
      schema.description.replaceAll(/\s*\n\s*/g, ' '),
    ];
    return [
      `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
      ...(schema.items === undefined ? [] : rowsOf(schema.items, `${prefix}${name}[].`)),
    ];
  });
}

async function partOf(door, name) {
  const { default: definition } = await import(`jackfield/${door}/${name}`);
  const isOn =
    door === 'plugins'
      ? DEFAULT_CONFIG.plugins.includes(name)
      : DEFAULT_CONFIG.storage.adapter === name || DEFAULT_CONFIG.storage === name;
  const use =
    door === 'plugins'
      ? isOn
        ? 'On by default.'
        : `Off until a configuration names it: \`"plugins": ["${name}", …]\`.`
      : isOn
        ? 'The default store.'
        : `A configuration names it: \`"storage": "${name}"\`, or \`{ "adapter": "${name}", "options": { … } }\`.`;
  const schema = definition.options ?? z.strictObject({});
  const rows = rowsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  const options =
    rows.length === 0
      ? 'It has no options.'
      : ['| Option | Type | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n');
  return `${use}\n\n${options}`;
}

const stale = [];
const isCheck = process.argv.includes('--check');
for (const { kind, folder, door } of KINDS) {
  for (const name of await listBuiltIn(kind)) {
    const page = join(ROOT, 'docs', folder, `${name}.md`);
    const text = readFileSync(page, 'utf8');
    const [before, rest, ...more] = text.split(BEGIN);
    const [, after] = rest?.split(END) ?? [];
    if (after === undefined || more.length > 0)
      throw new Error(`${page} lacks the two markers:\n${BEGIN}\n${END}`);
    const made = `${before}${BEGIN}\n\n${await partOf(door, name)}\n\n${END}${after}`;
    if (made === text) continue;
    if (isCheck) stale.push(`docs/${folder}/${name}.md`);
    else writeFileSync(page, made);
  }
}
if (stale.length > 0) {
  console.error(`Not up to date: ${stale.join(', ')}. Run "npm run docs".`);
  process.exitCode = 1;
}
