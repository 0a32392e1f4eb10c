/**
 * Recognises valid configurations without their schema, so that most starts need not load zod. A configuration that is
 * not recognised may still be valid; then the schema decides and explains. So the schema must accept everything that
 * this file accepts: a test compares the two.
 */
import { DEFAULT_LIMITS } from './limits.js';
import { isAddressRange, isHostName, isListenHost, isPrefix } from './value-forms.js';

type Recognises = (value: unknown) => boolean;

const isName: Recognises = (value) => typeof value === 'string' && /\S/.test(value);
const isText: Recognises = (value) => typeof value === 'string';
const isFlag: Recognises = (value) => typeof value === 'boolean';
const anything: Recognises = () => true;

const isWhole =
  (min: number, max: number): Recognises =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;

const isTextThat =
  (holds: (text: string) => boolean): Recognises =>
  (value) =>
    typeof value === 'string' && holds(value);

/**
 * A list with at least so many elements. Read by index: holes count as undefined, and a custom iterator hides nothing.
 */
const isListOf =
  (element: Recognises, least: number): Recognises =>
  (value) =>
    Array.isArray(value) &&
    value.length >= least &&
    Array.from<unknown, unknown>({ length: value.length }, (_, at) => value[at]).every(element);

const isOneOf =
  (...forms: readonly Recognises[]): Recognises =>
  (value) =>
    forms.some((form) => form(value));

/** A plain object with only these keys; undefined values count as absent. */
function isObjectOf(
  keys: Readonly<Record<string, Recognises>>,
  required: readonly string[] = [],
): Recognises {
  const known = new Map(Object.entries(keys));
  return (value) => {
    if (!isPlainObject(value)) return false;
    if (!required.every((key) => value[key] !== undefined)) return false;
    return Object.entries(value).every(
      ([key, inner]) => known.has(key) && (inner === undefined || known.get(key)?.(inner) === true),
    );
  };
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The range that every limit with this unit allows; values outside are left to the schema. */
function rangeOf(limit: string): Recognises {
  if (limit.endsWith('Octets')) return isWhole(32, 16 * 2 ** 20);
  return isWhole(1, limit.endsWith('Ms') ? 2 ** 31 - 1 : 100_000);
}

const isListener = isObjectOf({
  host: isTextThat(isListenHost),
  port: isWhole(0, 65_535),
  socket: isTextThat((text) => /\S/.test(text) && !text.includes('\0')),
  socketMode: isTextThat((text) => /^[0-7]{3}$/.test(text)),
  tls: isObjectOf(
    {
      cert: isName,
      key: isName,
      ca: isName,
      minVersion: (value) => value === 'TLSv1.2' || value === 'TLSv1.3',
    },
    ['cert', 'key'],
  ),
  sharedReadBuffer: isFlag,
});

/** An object that a program passes instead of a name; its loader checks it. */
const has =
  (...parts: readonly string[]): Recognises =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    parts.some((part) => typeof Reflect.get(value, part) === 'function');
const isPlugin = isOneOf(isName, (value) => typeof value === 'function', has('setup'));
const isAdapter = isOneOf(isName, has('create', 'open'));

export const isPlainlyValid = isObjectOf({
  $schema: isText,
  listen: isOneOf(isListener, isListOf(isListener, 1)),
  allowedHosts: isOneOf((value) => value === '*', isListOf(isTextThat(isHostName), 1)),
  trustedProxies: isListOf(
    isTextThat((text) => text === 'unix' || isAddressRange(text)),
    0,
  ),
  crossSite: (value) => value === 'refuse' || value === 'allow',
  storage: isOneOf(isName, isObjectOf({ adapter: isAdapter, options: isPlainObject }, ['adapter'])),
  plugins: isListOf(
    isOneOf(
      isPlugin,
      isObjectOf({ use: isPlugin, options: anything, prefix: isTextThat(isPrefix), as: isName }, ['use']),
    ),
    0,
  ),
  limits: isObjectOf(Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, rangeOf(name)]))),
  overload: isObjectOf({
    maxLoopDelayMs: isWhole(1, 2 ** 31 - 1),
    maxInFlight: isWhole(1, 1_000_000),
    retryAfterSeconds: isWhole(1, 86_400),
  }),
});
