/**
 * `${env:NAME}` in the strings of a configuration file, so that secrets stay out of the file. `${env:NAME:-default}`
 * gives a default for a variable that is empty or not set; `$${env:` is a literal `${env:`. Variables in keys are not
 * replaced.
 *
 * Errors never show a value from the environment; they name the variable. A string that is only one variable becomes a
 * number or a boolean if the configuration is valid only then.
 */
import { JackfieldError } from '../errors.js';
import type { MaybePromise } from '../maybe-promise.js';

export type Variables = Readonly<Record<string, string | undefined>>;

/** A string that came from the environment, in whole or in part. */
interface EnvironmentString {
  readonly path: readonly PropertyKey[];
  /** The text that errors show: `${env:NAME}` and the text around it. */
  readonly written: string;
  /** The values that no error may show. */
  readonly secrets: readonly string[];
  /** The string is only one variable. */
  readonly whole: boolean;
}

const REFERENCE = /\$?\$\{env:([^}]*)\}?/g;
const INSIDE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
/** Shorter secrets occur in ordinary words, so hiding them would make a message unreadable. */
const SHORTEST_SECRET = 4;

export class Environment {
  readonly #strings = new Map<string, EnvironmentString>();

  add(string: EnvironmentString): void {
    this.#strings.set(keyOf(string.path), string);
  }

  /** The original text of the string at this path; undefined if it did not come from the environment. */
  writtenAt(path: readonly PropertyKey[]): string | undefined {
    return this.#strings.get(keyOf(path))?.written;
  }

  /** Replaces all values from the environment by their variables. */
  redact(text: string): string {
    let redacted = text;
    for (const { secrets, written } of this.#strings.values()) {
      for (const secret of secrets) {
        if (secret.length >= SHORTEST_SECRET) redacted = redacted.replaceAll(secret, () => written);
      }
    }
    return redacted;
  }

  /**
   * Converts strings that are only one variable to a number or a boolean, in place, if that leaves fewer faults.
   * @param base The path of the value in the configuration.
   * @param validate Validates the current value.
   * @returns The result of `validate` for the final value.
   */
  async settle<Judgement>(
    value: unknown,
    base: readonly PropertyKey[],
    validate: () => MaybePromise<Judgement>,
    countFaults: (judgement: Judgement) => number,
  ): Promise<Judgement> {
    let best = await validate();
    for (const { path, whole } of this.#strings.values()) {
      if (countFaults(best) === 0) break;
      const isInside = path.length > base.length && base.every((key, at) => path[at] === key);
      if (!whole || !isInside) continue;
      const inner = path.slice(base.length);
      const owner = inner.slice(0, -1).reduce<unknown>((at, key) => Reflect.get(Object(at), key), value);
      const key = inner.at(-1)!;
      const text: unknown = Reflect.get(Object(owner), key);
      const converted = typeof text === 'string' ? asPlain(text) : undefined;
      if (converted === undefined) continue;
      Reflect.set(Object(owner), key, converted);
      const next = await validate();
      if (countFaults(next) < countFaults(best)) best = next;
      else Reflect.set(Object(owner), key, text);
    }
    return best;
  }
}

function keyOf(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

function asPlain(text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/**
 * Replaces variables by their values in a parsed document, in place.
 * @param locate Gives `file:line:column` of the value at a path.
 * Errors: CONFIG_ENV_MISSING, one line for each variable; CONFIG_INVALID if a reference is malformed.
 */
export function resolveEnvironment(
  value: unknown,
  variables: Variables,
  locate: (path: readonly PropertyKey[]) => string,
): { readonly value: unknown; readonly environment: Environment } {
  const environment = new Environment();
  const missing: string[] = [];
  const broken: string[] = [];
  const resolve = (text: string, path: readonly PropertyKey[]): string => {
    const secrets: string[] = [];
    const resolved = text.replace(REFERENCE, (found: string, inside: string) => {
      if (found.startsWith('$$')) return found.slice(1);
      const [, name, fallback] = INSIDE.exec(inside) ?? [];
      if (name === undefined || !found.endsWith('}')) {
        broken.push(
          `${locate(path)}: ${JSON.stringify(found)} is not "\${env:NAME}" or "\${env:NAME:-default}"`,
        );
        return found;
      }
      if (fallback?.includes('${env:')) {
        broken.push(`${locate(path)}: the default of ${name} cannot be a variable itself`);
        return found;
      }
      // Own properties only: an inherited one is not a variable.
      const set = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (set !== undefined && (set !== '' || fallback === undefined)) {
        secrets.push(set);
        return set;
      }
      if (fallback === undefined) missing.push(`${locate(path)}: ${name}`);
      return fallback ?? '';
    });
    if (resolved !== text && !isEscapeOnly(text)) {
      const whole = /^\$\{env:[^}]*\}$/.test(text);
      environment.add({ path, written: text, secrets, whole });
    }
    return resolved;
  };
  const resolved = replaceStrings(value, [], resolve);
  if (broken.length > 0) throw new JackfieldError('CONFIG_INVALID', broken.join('\n'));
  if (missing.length > 0) {
    throw new JackfieldError(
      'CONFIG_ENV_MISSING',
      missing
        .map((one) => `${one}. Set it, or write "\${env:${one.split(': ').at(-1)}:-default}".`)
        .join('\n'),
    );
  }
  return { value: resolved, environment };
}

function isEscapeOnly(text: string): boolean {
  return !/(?<!\$)\$\{env:/.test(text);
}

function replaceStrings(
  value: unknown,
  path: readonly PropertyKey[],
  resolve: (text: string, path: readonly PropertyKey[]) => string,
): unknown {
  if (typeof value === 'string') return value.includes('${env:') ? resolve(value, path) : value;
  if (typeof value !== 'object' || value === null) return value;
  // Defined, not assigned: the file may have a key `__proto__`.
  for (const key of Object.keys(value)) {
    const at = Array.isArray(value) ? Number(key) : key;
    const inner: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    const replaced = replaceStrings(inner, [...path, at], resolve);
    if (replaced !== inner)
      Object.defineProperty(value, key, {
        value: replaced,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return value;
}
