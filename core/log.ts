/**
 * The log of the core and of plugins. It has pino's shape (`log.info('text')` or `log.info({ key }, 'text')`), so any
 * pino logger can replace it.
 */

import { reasonOf } from './errors.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

type Fields = Readonly<Record<string, unknown>>;

interface Write {
  (message: string): void;
  (fields: Fields, message: string): void;
}

export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** A log that adds these fields to every line. */
  child(fields: Fields): Log;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/**
 * Writes one JSON object a line: `level`, `time` (ISO 8601, UTC), `message`, then the fields. Errors have code,
 * message, stack and cause.
 * @param write Writes one line, which contains its line end.
 */
export function createLog(
  write: (line: string) => void,
  lowest: LogLevel = 'info',
  fields: Fields = {},
): Log {
  const at =
    (level: LogLevel): Write =>
    (first: Fields | string, second?: string) => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return;
      const own = typeof first === 'string' ? { message: first } : { message: second ?? '', ...first };
      write(`${lineOf({ level, time: new Date().toISOString(), ...fields, ...own })}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => createLog(write, lowest, { ...fields, ...more }),
  };
}

/** A field that has no JSON (a cycle, a throwing getter) must not turn a log line into a second fault. */
function lineOf(line: Fields): string {
  try {
    return JSON.stringify(line, readable);
  } catch (cause) {
    const texts = Object.entries(line).filter(([, value]) => typeof value === 'string');
    return JSON.stringify({ ...Object.fromEntries(texts), unloggable: reasonOf(cause) });
  }
}

/** An Error has no enumerable properties and a bigint no JSON: both would be lost or throw. */
function readable(_key: string, value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const code: unknown = Reflect.get(value, 'code');
    return {
      name,
      ...(code === undefined ? {} : { code }),
      message,
      stack,
      ...(cause === undefined ? {} : { cause }),
    };
  }
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Writes nothing; the default for programs and tests. */
export const silentLog: Log = createLog(() => {});
