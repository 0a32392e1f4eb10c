/**
 * The JSON Schema of a whole configuration file with the options of the available plugins and adapters, so that an
 * editor completes and checks them. Generated from `config-schema.ts` and the schemas of the options: those of zod, and
 * any Standard Schema that provides a JSON Schema. The options of other schemas are not checked.
 */
import type { z as types } from 'zod';
import { configSchema } from './config-schema.js';
import { zod } from './zod.js';

/** A plugin or an adapter, and its options. */
export interface Described {
  /** The names for it in `use` or `adapter`. */
  readonly references: readonly string[];
  /** The schema of its options; undefined if it has no options. */
  readonly options: unknown;
}

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const TARGET = 'draft-07';
/** The form of `${env:NAME}`, anywhere in a string. */
const ENVIRONMENT = '\\$\\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}';
const PATH = '^(\\.{1,2})?/';

/** @param plugins The plugins that an editor suggests, `adapters` likewise. Any path is allowed too. */
export function jsonSchemaOf(plugins: readonly Described[], adapters: readonly Described[]): JsonSchema {
  const definitions: Record<string, unknown> = {
    environment: {
      type: 'string',
      pattern: ENVIRONMENT,
      description: 'The value of an environment variable.',
    },
  };
  const base = zod().toJSONSchema(configSchema, { target: 'draft-7', io: 'input', unrepresentable: 'any' });
  const { properties = {}, ...rest } = acceptingEnvironment(base as JsonSchema) as {
    properties?: Record<string, JsonSchema>;
  };
  const entryOf = (schema: unknown): JsonSchema => objectForm(schema) ?? {};
  const { items, ...list } = (properties.plugins ?? {}) as { items?: JsonSchema };
  const storage = properties.storage ?? {};
  return {
    ...rest,
    definitions,
    properties: {
      ...properties,
      plugins: {
        ...list,
        items: choice(entryOf(items), 'use', 'plugin', plugins, definitions),
      },
      storage: { ...bare(storage), ...choice(entryOf(storage), 'adapter', 'adapter', adapters, definitions) },
    },
  };
}

/** A union without its forms: its description, for example. */
function bare({ anyOf: _, ...rest }: JsonSchema): JsonSchema {
  return rest;
}

/** The form of a union that is an object. */
function objectForm(schema: unknown): JsonSchema | undefined {
  const forms = (schema as { anyOf?: readonly JsonSchema[] } | undefined)?.anyOf ?? [];
  return forms.find(({ type }) => type === 'object');
}

/** A name alone, or an object with the options of the named extension. */
function choice(
  entry: JsonSchema,
  key: 'use' | 'adapter',
  kind: string,
  described: readonly Described[],
  definitions: Record<string, unknown>,
): JsonSchema {
  const conditions: JsonSchema[] = [];
  const demanding: string[] = [];
  for (const { references, options } of described) {
    const name = `${kind} ${references[0]}`;
    const schema =
      options === undefined ? { type: 'object', maxProperties: 0 } : optionsSchema(options, name);
    // Its options are not known, so any are allowed.
    if (schema === undefined) continue;
    definitions[name] = schema;
    const required = (schema as JsonSchema).required;
    const demands = Array.isArray(required) && required.length > 0;
    if (demands) demanding.push(...references);
    conditions.push({
      if: { properties: { [key]: { enum: references } }, required: [key] },
      // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema.
      then: {
        properties: { options: { $ref: `#/definitions/${encodeURIComponent(name)}` } },
        ...(demands ? { required: ['options'] } : {}),
      },
    });
  }
  const named = (names: readonly string[], description: unknown): JsonSchema => ({
    ...(description === undefined ? {} : { description }),
    anyOf: [
      ...(names.length === 0 ? [] : [{ enum: names }]),
      { type: 'string', pattern: PATH },
      { $ref: '#/definitions/environment' },
    ],
  });
  const all = described.flatMap(({ references }) => references);
  const alone = all.filter((name) => !demanding.includes(name));
  const properties = (entry.properties ?? {}) as Record<string, JsonSchema>;
  const inner = { ...properties, [key]: named(all, properties[key]?.description) };
  return {
    anyOf: [
      named(alone, undefined),
      { ...entry, properties: inner, ...(conditions.length === 0 ? {} : { allOf: conditions }) },
    ],
  };
}

/** undefined if the schema does not describe its input. */
function optionsSchema(options: unknown, name: string): JsonSchema | undefined {
  const schema = ofStandard(options) ?? ofZod(options);
  if (schema === undefined) return undefined;
  const { $schema: _, ...own } = schema;
  const moved = JSON.parse(
    JSON.stringify(own).replaceAll(/"\$ref":"#(\/[^"]*)?"/g, (_ref, path: string = '') =>
      JSON.stringify({ $ref: `#/definitions/${encodeURIComponent(name)}${path}` }).slice(1, -1),
    ),
  ) as JsonSchema;
  return acceptingEnvironment(moved);
}

/** Source: https://standardschema.dev/json-schema, which zod implements since 4.2. */
function ofStandard(options: unknown): JsonSchema | undefined {
  const make: unknown = (Object(options) as { '~standard'?: { jsonSchema?: { input?: unknown } } })[
    '~standard'
  ]?.jsonSchema?.input;
  if (typeof make !== 'function') return undefined;
  try {
    const schema: unknown = make({ target: TARGET });
    return typeof schema === 'object' && schema !== null ? (schema as JsonSchema) : undefined;
  } catch {
    // Part of it has no JSON Schema, or not in this version.
    return undefined;
  }
}

function ofZod(options: unknown): JsonSchema | undefined {
  if (typeof options !== 'object' || options === null || !('_zod' in options)) return undefined;
  try {
    // A schema of zod, from this copy or another one of the same major version.
    const schema = zod().toJSONSchema(options as types.ZodType, {
      target: 'draft-7',
      io: 'input',
      unrepresentable: 'any',
    });
    return schema as JsonSchema;
  } catch {
    return undefined;
  }
}

/**
 * The formats of this draft. zod adds others next to an equivalent pattern, and strict validators refuse unknown
 * formats.
 */
const FORMATS = [
  'date-time',
  'date',
  'time',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uri',
  'uri-reference',
  'iri',
  'uri-template',
  'json-pointer',
  'regex',
  'uuid',
];
const NARROWING = ['enum', 'const', 'pattern', 'format', 'minLength', 'maxLength'];

/** The same schema, except that every value may also be a string that names an environment variable. */
function acceptingEnvironment(schema: JsonSchema): JsonSchema {
  const inner = Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword, value]) => keyword !== 'format' || FORMATS.includes(String(value)))
      .map(([keyword, value]) => [keyword, visited(keyword, value)]),
  );
  if (!isNarrow(inner)) return inner;
  const { description, default: fallback, title, ...rest } = inner;
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, { $ref: '#/definitions/environment' }],
  };
}

/** Whether the schema could refuse a string with a variable in it although it accepts the value of the variable. */
function isNarrow({ type, ...schema }: JsonSchema): boolean {
  if (type === 'number' || type === 'integer' || type === 'boolean') return true;
  if (type !== undefined && type !== 'string') return false;
  return NARROWING.some((keyword) => keyword in schema);
}

function visited(keyword: string, value: unknown): unknown {
  if (['items', 'additionalProperties', 'not', 'contains', 'propertyNames'].includes(keyword))
    return isSchema(value) && keyword !== 'propertyNames' ? acceptingEnvironment(value) : value;
  if (['anyOf', 'oneOf', 'allOf'].includes(keyword) && Array.isArray(value))
    return value.map((one: unknown) => (isSchema(one) ? acceptingEnvironment(one) : one));
  if (['properties', 'patternProperties', 'definitions', '$defs'].includes(keyword) && isSchema(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, isSchema(one) ? acceptingEnvironment(one) : one]),
    );
  return value;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
