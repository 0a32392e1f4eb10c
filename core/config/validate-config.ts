/**
 * Says what is wrong with a configuration, or with the options of one plugin or adapter, in sentences that name
 * file, line and column. All faults are told at once, so nobody mends a file one error per start.
 */
import { createRequire } from 'node:module';
import { didYouMean } from '../did-you-mean.js';
import { JackfieldError } from '../errors.js';
import { defaultMaxConnections } from './open-files.js';
import { isPlainlyValid } from './plainly-valid.js';
import {
  type ConfigSource,
  DEFAULT_CONFIG,
  DEFAULT_LIMITS,
  DEFAULT_RETRY_AFTER_SECONDS,
  DEFAULT_SOCKET_MODE,
  type Limits,
  type ListenConfig,
  type OverloadConfig,
  type PluginEntry,
  type ServerConfig,
  type StorageConfig,
  type TlsConfig,
} from './server-config.js';
import type { StandardIssue } from './standard-schema.js';

/**
 * @returns The configuration itself, not a copy: plugins given as objects keep their identity.
 * Errors: CONFIG_INVALID, its message one fault a line in the order of the file.
 */
export function validateConfig(config: unknown, source: ConfigSource): ServerConfig {
  const faults = faultsOf(config, source);
  if (faults.length > 0) throw new JackfieldError('CONFIG_INVALID', linesOfFaults(faults));
  // The schema has just told that it is one; its parts are `unknown` to zod where they may be anything.
  return config as ServerConfig;
}

/** More of them would only push the first ones, which are mended first, out of sight. */
const MOST_FAULTS = 50;

/** One a line. */
export function linesOfFaults(faults: readonly string[]): string {
  const more = faults.length - MOST_FAULTS;
  if (more <= 0) return faults.join('\n');
  return [...faults.slice(0, MOST_FAULTS), `and ${more} more`].join('\n');
}

/** One sentence per fault, in the order of the file. */
export function faultsOf(config: unknown, source: ConfigSource): string[] {
  const contradictions = contradictionsIn(config);
  if (contradictions.length === 0 && isPlainlyValid(config)) return [];
  const { programSchema } = schemas();
  const { error } = programSchema.safeParse(config);
  const issues: StandardIssue[] = [...(error?.issues ?? []), ...contradictions];
  return explainIssues(issues, { source, path: [], schema: programSchema, value: config });
}

/** Only where it is needed, with zod behind it; every Node that jackfield runs on can `require` such a module. */
function schemas(): typeof import('./config-schema.js') {
  return createRequire(import.meta.url)('./config-schema.js') as typeof import('./config-schema.js');
}

/** A configuration in which nothing is left open. */
export interface ResolvedConfig {
  readonly listen: readonly ListenerConfig[];
  readonly allowedHosts: readonly string[] | '*';
  readonly trustedProxies: readonly string[];
  readonly storage: Readonly<Required<StorageConfig>>;
  readonly plugins: readonly PluginEntry[];
  readonly limits: Limits;
  readonly overload: OverloadLimits;
}

/** What one listener does, a Unix socket or a port. */
export type ListenerConfig =
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly mode: number;
      readonly sharedReadBuffer: boolean;
    }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls: TlsConfig | undefined;
      readonly sharedReadBuffer: boolean;
    };

/** What is not looked at is Infinity. */
export type OverloadLimits = Readonly<Required<OverloadConfig>>;

/** Fills in the defaults. A default gives way where it would contradict a limit that was set. */
export function withDefaults(config: ServerConfig): ResolvedConfig {
  const storage = typeof config.storage === 'string' ? { adapter: config.storage } : config.storage;
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = {
    ...DEFAULT_LIMITS,
    maxConnections: defaultMaxConnections(),
    ...withoutUndefined(config.limits ?? {}),
  };
  for (const [less, more] of NOT_MORE_THAN) {
    if (limits[less] <= limits[more]) continue;
    if (config.limits?.[less] === undefined) limits[less] = limits[more];
    else limits[more] = limits[less];
  }
  return {
    listen: [config.listen ?? {}].flat().map(listenerOf),
    trustedProxies: config.trustedProxies ?? [],
    allowedHosts: config.allowedHosts ?? DEFAULT_CONFIG.allowedHosts,
    storage: storage === undefined ? DEFAULT_CONFIG.storage : { options: {}, ...withoutUndefined(storage) },
    plugins: config.plugins ?? DEFAULT_CONFIG.plugins,
    limits,
    overload: {
      maxLoopDelayMs: Number.POSITIVE_INFINITY,
      maxInFlight: Number.POSITIVE_INFINITY,
      retryAfterSeconds: DEFAULT_RETRY_AFTER_SECONDS,
      ...withoutUndefined(config.overload ?? {}),
    },
  };
}

function listenerOf({ socket, socketMode = DEFAULT_SOCKET_MODE, ...config }: ListenConfig): ListenerConfig {
  const { host, port, sharedReadBuffer } = { ...DEFAULT_CONFIG.listen, ...withoutUndefined(config) };
  if (socket === undefined) return { kind: 'tcp', host, port, tls: config.tls, sharedReadBuffer };
  return { kind: 'unix', path: socket, mode: Number.parseInt(socketMode, 8), sharedReadBuffer };
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** The first of each pair is a part of the second. */
const NOT_MORE_THAN = [['headerTimeoutMs', 'requestTimeoutMs']] as const satisfies readonly (readonly [
  keyof Limits,
  keyof Limits,
])[];

function contradictionsIn(config: unknown): StandardIssue[] {
  return [...classesIn(config), ...limitsAtOdds(config), ...socketsAtOdds(config)];
}

/** A Map or a promise has no keys of its own, so to the schema it is an object without any: nothing it says would count. */
function classesIn(config: unknown): StandardIssue[] {
  const elements = (key: string): PropertyKey[][] => {
    const list = valueAt(config, [key]);
    return Array.isArray(list) ? list.map((_, at) => [key, at]) : [[key]];
  };
  const places = [[], ...elements('listen'), ...elements('plugins'), ['storage'], ['limits'], ['overload']];
  return places.flatMap((path) => {
    const value = valueAt(config, path);
    const isOther = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isOther || Object.prototype.toString.call(value) === '[object Object]') return [];
    return [{ path, message: 'expected an object { … }' }];
  });
}

/** What only a port has, or only a Unix socket. */
function socketsAtOdds(config: unknown): StandardIssue[] {
  const listen = valueAt(config, ['listen']);
  const places = Array.isArray(listen) ? listen.map((_, at) => ['listen', at]) : [['listen']];
  return places.flatMap((place) => {
    const has = (key: string): boolean => valueAt(config, [...place, key]) !== undefined;
    if (!has('socket')) {
      const message = 'is for a Unix socket; set "socket" too, or leave it out';
      return has('socketMode') ? [{ path: [...place, 'socketMode'], message }] : [];
    }
    return ['host', 'port', 'tls'].filter(has).map((key) => ({
      path: [...place, key],
      message: `a Unix socket has no ${key}; leave out "${key}" or "socket"`,
    }));
  });
}

function limitsAtOdds(config: unknown): StandardIssue[] {
  return NOT_MORE_THAN.flatMap(([less, more]) => {
    const [part, all] = [valueAt(config, ['limits', less]), valueAt(config, ['limits', more])];
    if (typeof part !== 'number' || typeof all !== 'number' || part <= all) return [];
    return [{ path: ['limits', less], message: `${part} is more than limits.${more}, which is ${all}` }];
  });
}

/** Where the validated value stands in the configuration, and what is known about it. */
export interface ExplainedPlace {
  readonly source: ConfigSource;
  /** From the root of the configuration to the validated value. */
  readonly path: readonly PropertyKey[];
  /** Keys of the validated value itself, for suggestions. */
  readonly knownKeys?: readonly string[];
  /** The schema it was validated with; a zod schema gives suggestions for nested keys too. */
  readonly schema?: unknown;
  /** The validated value; with it sentences say what was found. */
  readonly value?: unknown;
}

/**
 * One sentence per fault, in the order of the file: `file:line:column: path.of.option: message`.
 * The issues may come from any Standard Schema; those of zod are recognised by their shape and told better.
 */
export function explainIssues(issues: readonly StandardIssue[], at: ExplainedPlace): string[] {
  const faults = issues.flatMap((issue) => faultsOfIssue(issue as ZodLikeIssue, [], at));
  const told = inFileOrder(faults).map(({ location, sentence }) =>
    location === '' ? sentence : `${location}: ${sentence}`,
  );
  // A number may be too large in two ways, which make one sentence.
  return [...new Set(told)];
}

/** What zod adds to a Standard Schema issue, as far as it is used here. */
interface ZodLikeIssue extends StandardIssue {
  readonly code?: unknown;
  readonly keys?: unknown;
  readonly errors?: unknown;
  readonly expected?: unknown;
  readonly values?: unknown;
}

interface Fault {
  readonly location: string;
  readonly sentence: string;
}

function faultsOfIssue(issue: ZodLikeIssue, base: readonly PropertyKey[], at: ExplainedPlace): Fault[] {
  const own = [...base, ...pathOf(issue)];
  if (issue.code === 'unrecognized_keys' && Array.isArray(issue.keys)) {
    return issue.keys.map((key: unknown) => unknownKey(String(key), own, at));
  }
  if (issue.code === 'invalid_union' && Array.isArray(issue.errors)) {
    const branch = branchMeant(issue.errors as readonly (readonly ZodLikeIssue[])[]);
    if (branch !== undefined) return branch.flatMap((inner) => faultsOfIssue(inner, own, at));
  }
  const path = [...at.path, ...own];
  const name = spellPath(path);
  const message = messageOf(issue, own, at);
  return [{ location: at.source.locate(path), sentence: name === '' ? message : `${name}: ${message}` }];
}

function unknownKey(key: string, owner: readonly PropertyKey[], at: ExplainedPlace): Fault {
  const known = [...knownKeysOf(at.schema, owner), ...(owner.length === 0 ? (at.knownKeys ?? []) : [])];
  const suggestion = didYouMean(key, known);
  const ownerName = spellPath([...at.path, ...owner]);
  return {
    location: at.source.locate([...at.path, ...owner, key], 'key'),
    sentence:
      `unknown key ${quoted(key)}${ownerName === '' ? '' : ` in ${ownerName}`}` +
      (suggestion === undefined ? '' : `; did you mean ${JSON.stringify(suggestion)}?`),
  };
}

/** Of several forms that a value may have, the one its writer meant: the only one whose basic type it has. */
function branchMeant(branches: readonly (readonly ZodLikeIssue[])[]): readonly ZodLikeIssue[] | undefined {
  const fitting = branches.filter(
    (branch) =>
      branch.length > 0 &&
      branch.every((issue) => pathOf(issue).length > 0 || issue.code === 'unrecognized_keys'),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function messageOf(issue: ZodLikeIssue, own: readonly PropertyKey[], at: ExplainedPlace): string {
  const { environment } = at.source;
  const message = environment?.redact(issue.message) ?? issue.message;
  if (!('value' in at)) return message;
  const value = valueAt(at.value, own);
  const found = `found ${environment?.writtenAt([...at.path, ...own]) ?? describeValue(value)}`;
  if (message.startsWith('expected ')) return `${message}, ${found}`;
  // Only zod's own words are replaced, never those that a plugin's author chose.
  if (!/^Invalid (input|option): expected /.test(message)) return message;
  if (issue.code === 'invalid_type') {
    const expected = TYPE_WORDS[String(issue.expected)] ?? String(issue.expected);
    return `expected ${expected}, ${found}`;
  }
  if (issue.code !== 'invalid_value' || !Array.isArray(issue.values)) return message;
  const suggestion = typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : undefined;
  const choice = issue.values.map((allowed: unknown) => JSON.stringify(allowed)).join(' or ');
  return `expected ${choice}, ${found}${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object { … }',
  record: 'an object { … }',
  array: 'a list [ … ]',
  null: 'null',
};

function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  if (value instanceof Map) return 'a Map';
  if (value instanceof Promise) return 'a promise';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return quoted(value);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}

function pathOf(issue: StandardIssue): PropertyKey[] {
  return (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

/** `plugins[8].options.mark` */
function spellPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key);
    if (!/^[\w$-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

function inFileOrder(faults: readonly Fault[]): Fault[] {
  const placed = faults.map((fault) => {
    const [, line = '0', column = '0'] = /:(\d+):(\d+)$/.exec(fault.location) ?? [];
    return { fault, line: Number(line), column: Number(column) };
  });
  return placed.sort((a, b) => a.line - b.line || a.column - b.column).map(({ fault }) => fault);
}

/**
 * The keys that an object schema of zod has at a path inside it; empty for anything else. The schema is asked by
 * its shape alone, since a plugin may bring another copy or version of zod.
 */
export function knownKeysOf(schema: unknown, path: readonly PropertyKey[] = []): string[] {
  const [key, ...rest] = path;
  const bare = formsOf(schema);
  if (key === undefined) return bare.flatMap((form) => Object.keys(partOf(form, 'shape') ?? {}));
  return bare.flatMap((form) => {
    const { element, valueType } = definitionOf(form);
    const inner = partOf(partOf(form, 'shape'), key) ?? element ?? valueType;
    return inner === undefined ? [] : knownKeysOf(inner, rest);
  });
}

/** A schema without what is wrapped around it (optional, default, pipe …); a union gives each of its forms. */
function formsOf(schema: unknown, depth = 0): unknown[] {
  // A wrapper that contains itself must not hang the start of a server.
  if (schema === undefined || depth > 32) return [];
  const { innerType, options, in: input } = definitionOf(schema);
  if (Array.isArray(options)) return options.flatMap((option) => formsOf(option, depth + 1));
  const inner = innerType ?? input;
  return inner === undefined ? [schema] : formsOf(inner, depth + 1);
}

interface ZodLikeDefinition {
  readonly innerType?: unknown;
  readonly options?: unknown;
  readonly in?: unknown;
  readonly element?: unknown;
  readonly valueType?: unknown;
}

function definitionOf(schema: unknown): ZodLikeDefinition {
  const definition = partOf(partOf(schema, '_zod'), 'def') ?? partOf(schema, '_def');
  return (definition ?? {}) as ZodLikeDefinition;
}

function partOf(value: unknown, key: PropertyKey): object | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  const part: unknown = Object.hasOwn(value, key) || key in value ? Reflect.get(value, key) : undefined;
  return typeof part === 'object' && part !== null ? part : undefined;
}
