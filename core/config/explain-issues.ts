/** Turns the issues of a schema into sentences that name file, line and column. */
import { didYouMean } from '../did-you-mean.js';
import type { ConfigSource } from './config-source.js';
import type { StandardIssue } from './standard-schema.js';

/** A longer list would hide the first errors, which users fix first. */
const MOST_FAULTS = 50;

/** One sentence per line. */
export function linesOfFaults(faults: readonly string[]): string {
  const more = faults.length - MOST_FAULTS;
  if (more <= 0) return faults.join('\n');
  return [...faults.slice(0, MOST_FAULTS), `and ${more} more`].join('\n');
}

/** The place of the validated value in the configuration, and the schema and value if known. */
export interface ExplainedPlace {
  readonly source: ConfigSource;
  /** From the root of the configuration to the validated value. */
  readonly path: readonly PropertyKey[];
  /** Keys of the validated value itself, for suggestions. */
  readonly knownKeys?: readonly string[];
  /** The schema it was validated with; a zod schema gives suggestions for nested keys too. */
  readonly schema?: unknown;
  /** The validated value; with it, sentences also say what was found. */
  readonly value?: unknown;
}

/**
 * One sentence per fault, in the order of the file: `file:line:column: path.of.option: message`. The issues may come
 * from any Standard Schema; issues of zod are recognised by their shape and explained in more detail.
 */
export function explainIssues(issues: readonly StandardIssue[], at: ExplainedPlace): string[] {
  const faults = issues.flatMap((issue) => faultsOfIssue(issue as ZodLikeIssue, [], at));
  const lines = inFileOrder(faults).map(({ location, sentence }) =>
    location === '' ? sentence : `${location}: ${sentence}`,
  );
  // A number can be too large in two ways, which become one sentence.
  return [...new Set(lines)];
}

/** The members that zod adds to a Standard Schema issue, as far as they are used here. */
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

/** The errors of the form that the author meant: the only form with the same basic type as the value. */
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
  // Only messages of zod are replaced, never messages that the author of a plugin wrote.
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

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
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
 * The keys of a zod object schema at a path inside it; empty for anything else. Only the shape of the schema is
 * checked, because a plugin may use another copy or version of zod.
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

/** A schema without its wrappers (optional, default, pipe …); for a union, each of its forms. */
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
