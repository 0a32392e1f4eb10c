/**
 * Writes one line per response of the server: JSON, or one of the two formats of Apache. A request whose head could not
 * be read gets a line too, with the received part of its request line.
 * Source: Apache's mod_log_config for `common` and `combined`. Errors: PLUGIN_SETUP_FAILED if the file cannot be
 * opened.
 */
import path from 'node:path';
import { z } from 'zod';
import { definePlugin, type Outcome, type Request, type Unread } from '../core/plugin-api.js';
import { combined, common, unreadCombined, unreadCommon } from './access-log/apache.js';
import { LogSink } from './access-log/log-sink.js';
import { type Redaction, redactQuery } from './access-log/redact-query.js';
import { identity } from './shared/identity.js';
import { requestId } from './shared/request-id.js';
import { matcherUnder, patternSchema, TOKEN } from './shared/rules.js';

const fieldName = z.string().regex(TOKEN, { error: 'expected the name of a field' });

export default definePlugin({
  name: 'access-log',
  options: z.strictObject({
    format: z
      .enum(['json', 'common', 'combined'])
      .default('json')
      .describe('`json`, or a format of Apache: `common`, or `combined` with `Referer` and `User-Agent`.'),
    destination: z
      .union([
        z.enum(['stdout', 'stderr']),
        z.strictObject({ file: z.string().min(1).describe('Path of the file.') }),
      ])
      .default('stdout')
      .describe(
        'The destination of the lines. Lines are appended to a file, which is opened again on SIGHUP, the signal of logrotate; its folder must exist. Its path is relative to the folder of the configuration.',
      ),
    mode: z
      .string()
      .regex(/^[0-7]{3}$/, { error: 'expected three octal digits' })
      .default('640')
      .describe(
        'The permissions of a new log file, in octal as for `chmod`. Lines contain personal data, so by default not everybody may read them.',
      ),
    headers: z
      .array(fieldName)
      .default([])
      .describe('Request fields that a JSON line includes, under `headers`.'),
    redactHeaders: z
      .array(fieldName)
      .default(['Authorization', 'Proxy-Authorization', 'Cookie'])
      .describe('For these fields a line says only that they were present.'),
    redactQuery: z
      .union([z.boolean(), z.array(z.string())])
      .default(false)
      .describe(
        'Whether query values are replaced by `***`, also in `Referer`: all, or those of the listed parameters.',
      ),
    skip: z
      .array(patternSchema)
      .default([])
      .describe('Patterns of paths that are not logged, for example those of health probes.'),
    maxBufferedOctets: z
      .int()
      .min(1_024)
      .max(1_073_741_824)
      .default(16_777_216)
      .describe(
        'The most octets that wait to be written. When the limit is reached, new lines are dropped, and their number is logged.',
      ),
  }),
  async setup({ hook, folder, prefix, log, onClose, options }) {
    const { destination, mode, maxBufferedOctets } = options;
    const sink = new LogSink({ maxBufferedOctets, mode: Number.parseInt(mode, 8), log });
    onClose(() => sink.close());
    await sink.open(typeof destination === 'string' ? destination : path.resolve(folder, destination.file));

    const isSkipped = options.skip.map((pattern) => matcherUnder(prefix, pattern));
    const write = options.format === 'json' ? jsonWriter(sink, options) : apacheWriter(sink, options);
    hook('close', (request, outcome) => {
      if (!isSkipped.some((matches) => matches(request.path))) write.exchange(request, outcome);
    });
    // An unread request has no path, so `skip` cannot apply.
    hook('unread', (unread) =>
      write.unread({ ...unread, requestLine: redactQuery(unread.requestLine, options.redactQuery) }),
    );
  },
});

/** Characters that JSON does not escape, but that a terminal may obey or a program may read as a line end. */
const UNSAFE = /[\x7f-\x9f\u2028\u2029]/;
const UNSAFE_ALL = new RegExp(UNSAFE, 'g');

interface Writer {
  exchange(request: Request, outcome: Outcome): void;
  /** The request line is already redacted. */
  unread(unread: Unread): void;
}

interface WriterOptions {
  readonly format: 'json' | 'common' | 'combined';
  readonly headers: readonly string[];
  readonly redactHeaders: readonly string[];
  readonly redactQuery: Redaction;
}

function apacheWriter(sink: LogSink, options: WriterOptions): Writer {
  const isCommon = options.format === 'common';
  const line = isCommon ? common : combined;
  const unreadLine = isCommon ? unreadCommon : unreadCombined;
  return {
    exchange: (request, outcome) => {
      const { referer } = request.headers;
      const text = line({
        request,
        outcome,
        target: redactQuery(request.target, options.redactQuery),
        referrer: referer && redactQuery(referer, options.redactQuery),
        user: identity(request)?.name,
        at: new Date(Date.now() - outcome.durationMs),
      });
      sink.write(`${text}\n`);
    },
    unread: (unread) => sink.write(`${unreadLine(unread, new Date())}\n`),
  };
}

function jsonWriter(sink: LogSink, options: WriterOptions): Writer {
  const write = (line: object): void => {
    const text = JSON.stringify(line);
    const safe = UNSAFE.test(text) ? text.replaceAll(UNSAFE_ALL, asEscape) : text;
    // Joined: a copy of the line with two more members would cost more.
    sink.write(`{"level":"info","time":"${timeNow()}",${safe.slice(1)}\n`);
  };
  const redacted = new Set(options.redactHeaders.map((name) => name.toLowerCase()));
  const extra = options.headers.map((name) => name.toLowerCase());
  const shown = (headers: Request['headers']) =>
    Object.fromEntries(
      extra.flatMap((name): [string, string][] => {
        const value = headers[name];
        return value === undefined ? [] : [[name, redacted.has(name) ? '***' : value]];
      }),
    );
  const exchange: Writer['exchange'] = (request, { status, code, contentOctets, durationMs, isComplete }) => {
    const { method, target, headers, httpVersion, remoteAddress, host, dialect } = request;
    write({
      remoteAddress,
      user: identity(request)?.name,
      requestId: requestId(request),
      method,
      target: redactQuery(target, options.redactQuery),
      httpVersion,
      dialect: dialect === '' ? undefined : dialect,
      host,
      status,
      code,
      contentOctets,
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      // Only if it is remarkable.
      aborted: isComplete ? undefined : true,
      referrer: headers.referer && redactQuery(headers.referer, options.redactQuery),
      userAgent: headers['user-agent'],
      headers: extra.length === 0 ? undefined : shown(headers),
    });
  };
  const unread: Writer['unread'] = ({ remoteAddress, requestLine, status, code, contentOctets }) =>
    write({ remoteAddress, requestLine, status, code, contentOctets });
  return { exchange, unread };
}

let lastMs = 0;
let lastTime = '';

/** Most lines share a millisecond with the one before. */
function timeNow(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastTime = new Date(now).toISOString();
  }
  return lastTime;
}

/** These characters occur only within strings, where an escape means the same. */
function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
