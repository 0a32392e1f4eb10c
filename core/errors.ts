/**
 * Every error that a user, an operator or a client can get, in one table.
 *
 * A code never changes its meaning; sentences may improve. `core/ERRORS.md` has the cause and cure of each error; a test
 * compares it with this table. Programming mistakes (a wrong argument to a public function) are plain `TypeError`s and
 * are not in this table.
 */

import { sameInAllCopies } from './across-copies.js';

interface ErrorRow {
  /** Status of the answer if the error happens in an exchange; 500 for errors that are never sent. */
  readonly status: number;
  /** Whether the connection closes after the answer, because the octets that follow cannot be trusted. */
  readonly closes: boolean;
  /** The fault and the cure. `…` is replaced by the detail of the one error. */
  readonly sentence: string;
}

const row = (status: number, sentence: string, closes = false): ErrorRow => ({ status, closes, sentence });
const closing = (status: number, sentence: string): ErrorRow => row(status, sentence, true);

/** Every error by its code. `ERRORS.md` has the cause and cure of each. */
export const ERRORS = {
  // What a client sent: request line, RFC 9112 §3
  REQUEST_LINE_INVALID: closing(
    400,
    'The request line is not "method SP request-target SP HTTP-version" (RFC 9112 §3).',
  ),
  METHOD_INVALID: closing(400, 'The method is not a token (RFC 9110 §9.1).'),
  TARGET_INVALID: closing(400, 'The request target is not in one of the four valid forms (RFC 9112 §3.2).'),
  TARGET_MISDIRECTED: closing(421, 'An "https" target needs a TLS connection (RFC 9110 §7.4).'),
  TARGET_TOO_LONG: closing(414, 'The request target is longer than this server accepts (RFC 9110 §15.5.15).'),
  METHOD_TOO_LONG: closing(
    501,
    'The method is longer than any method that this server implements (RFC 9112 §3).',
  ),
  VERSION_INVALID: closing(400, 'The HTTP version does not have the form "HTTP/1.1" (RFC 9112 §2.3).'),
  VERSION_UNSUPPORTED: closing(505, 'This server speaks only HTTP/1.0 and HTTP/1.1 (RFC 9110 §15.6.6).'),
  LINE_END_INVALID: closing(400, 'A line does not end in CR LF, or holds a bare CR or LF (RFC 9112 §2.2).'),

  // Header section, RFC 9112 §5
  FIELD_NAME_INVALID: closing(
    400,
    'A field name is not a token directly followed by a colon (RFC 9112 §5.1).',
  ),
  FIELD_VALUE_INVALID: closing(400, 'A field value holds a control character (RFC 9110 §5.5).'),
  FIELD_FOLDED: closing(
    400,
    'A field line begins with white space; line folding is obsolete (RFC 9112 §5.2).',
  ),
  HEADER_SECTION_TOO_LARGE: closing(
    431,
    'The header section is larger than this server accepts (RFC 6585 §5).',
  ),
  HEADER_FIELDS_TOO_MANY: closing(
    431,
    'The header section has more field lines than this server accepts (RFC 6585 §5).',
  ),
  HOST_MISSING: closing(400, 'An HTTP/1.1 request must have a Host field (RFC 9112 §3.2).'),
  HOST_REPEATED: closing(400, 'A request must have exactly one Host field line (RFC 9112 §3.2).'),
  HOST_INVALID: closing(400, 'The Host field is not "host" or "host:port" (RFC 9112 §3.2).'),

  // Framing, RFC 9112 §6 and §7
  CONTENT_LENGTH_INVALID: closing(400, 'Content-Length is not one decimal number (RFC 9112 §6.3).'),
  FRAMING_CONFLICT: closing(
    400,
    'A request must not have both Transfer-Encoding and Content-Length (RFC 9112 §6.3).',
  ),
  TRANSFER_ENCODING_INVALID: closing(
    400,
    'Transfer-Encoding does not end in one "chunked", or came with HTTP/1.0 (RFC 9112 §6.1).',
  ),
  TRANSFER_ENCODING_UNSUPPORTED: closing(
    501,
    'This server supports only the transfer coding "chunked" (RFC 9112 §6.1).',
  ),
  CHUNK_INVALID: closing(400, 'A chunk is not "size CR LF data CR LF" (RFC 9112 §7.1).'),
  CHUNK_EXTENSIONS_TOO_LARGE: closing(
    400,
    'The chunk extensions of this request are larger than this server accepts (RFC 9112 §7.1.1).',
  ),
  TRAILER_SECTION_TOO_LARGE: closing(
    431,
    'The trailer section is larger than this server accepts (RFC 9112 §7.1.2).',
  ),
  BODY_TOO_LARGE: closing(413, 'The body is larger than this server accepts (RFC 9110 §15.5.14).'),
  BODY_INCOMPLETE: closing(400, 'The connection ended before the body was complete (RFC 9112 §8).'),
  CONNECTION_LOST: closing(400, 'The peer closed the connection before the exchange was complete.'),
  LENGTH_REQUIRED: row(
    411,
    'Nothing was stored: the request has no Content-Length and no Transfer-Encoding, so it has no body (RFC 9110 §15.5.12). Send "Content-Length: 0" to store an empty value.',
  ),
  RESPONSE_INCOMPLETE: row(
    500,
    'The server closed the connection before the response was complete (RFC 9112 §8); the server log has the reason.',
  ),
  EXPECTATION_FAILED: closing(
    417,
    'This server supports only the expectation "100-continue" (RFC 9110 §10.1.1).',
  ),
  REQUEST_TIMEOUT: closing(408, 'The request was not complete in time (RFC 9110 §15.5.9).'),

  // What a client asked for
  HOST_NOT_ALLOWED: row(400, 'Not allowed host: …'),
  CROSS_SITE_REFUSED: row(
    403,
    'Pages of another origin may not change anything on this server. To allow this one, add its origin to the options of the plugin "cors", or set "crossSite": "allow" in the configuration: …',
  ),
  UNAUTHORIZED: row(401, 'This request needs valid credentials (RFC 9110 §15.5.2).'),
  FORBIDDEN: row(403, 'Your credentials do not allow this (RFC 9110 §15.5.4).'),
  ORIGIN_NOT_ALLOWED: row(403, 'Pages of this origin may not open a WebSocket here: …'),
  RATE_LIMITED: row(429, 'Too many requests; wait for the time in Retry-After (RFC 6585 §4).'),
  METHOD_NOT_ALLOWED: row(405, 'Method not allowed: …'),
  METHOD_UNSUPPORTED: row(501, 'The handler at this path does not accept this method: …'),
  NOT_FOUND: row(404, 'Nothing is registered at this path.'),
  WEBSOCKET_EXPECTED: row(426, 'This path accepts only WebSocket connections, version 13 (RFC 6455 §4.2).'),
  WEBSOCKET_INVALID: row(400, 'This is not a valid WebSocket handshake (RFC 6455 §4.1): …'),
  PARAMETER_INVALID: row(400, 'A part of the path is not percent-encoded UTF-8 text (RFC 3986 §2.1): …'),
  QUERY_INVALID: row(400, 'The query of this request is not valid: …'),
  BODY_ALREADY_READ: row(
    500,
    'The body of this request has already been read; keep the result of the first read.',
  ),
  BODY_NOT_TEXT: row(400, 'The body is not valid text in its charset (RFC 9110 §8.3.2).'),
  BODY_NOT_JSON: row(400, 'The body is not valid JSON (RFC 8259): …'),
  CONTENT_CODING_UNSUPPORTED: row(
    415,
    'The body has a content coding, and this handler stores plain text; send the body without Content-Encoding (RFC 9110 §15.5.16): …',
  ),
  CHARSET_UNSUPPORTED: row(415, 'This server does not know the charset of the body (RFC 9110 §15.5.16): …'),

  PRECONDITION_FAILED: row(
    412,
    'A condition of the request is false for the current state of the resource (RFC 9110 §15.5.13).',
  ),
  RANGE_NOT_SATISFIABLE: row(416, 'The range is outside the content (RFC 9110 §15.5.17).'),
  ENTRY_NOT_FOUND: row(404, 'There is no entry with this key.'),
  PARTIAL_PUT_UNSUPPORTED: row(
    400,
    'PUT replaces a whole entry; send it without Content-Range (RFC 9110 §14.5).',
  ),
  FILE_NOT_FOUND: row(404, 'There is no such file.'),
  FILE_CHANGED: row(503, 'The file changed while it was being sent; try again.'),

  // Handlers
  HANDLER_FAILED: row(500, 'The handler failed; the server log has the reason.'),
  HANDLER_ANSWER_INVALID: row(
    500,
    'The handler did not return a valid answer; the server log has the reason.',
  ),
  HANDLER_TIMEOUT: closing(503, 'The handler did not answer in time.'),
  SERVER_CLOSING: closing(503, 'The server is shutting down; try again later or on another server.'),
  PLUGIN_LEFT: row(503, 'The configuration of the server has changed; try again.'),
  OVERLOADED: row(503, 'The server is overloaded; try again later (RFC 9110 §15.6.4).'),

  // Upstream
  UPSTREAM_UNREACHABLE: row(502, 'The upstream server cannot be reached (RFC 9110 §15.6.3).'),
  UPSTREAM_INVALID: row(502, 'The upstream server did not give a valid answer (RFC 9110 §15.6.3).'),
  UPSTREAM_TIMEOUT: row(504, 'The upstream server did not answer in time (RFC 9110 §15.6.5).'),

  // Storage
  STORAGE_KEY_INVALID: row(400, 'A key must be a non-empty, well-formed string within the size limit: …'),
  STORAGE_VALUE_INVALID: row(400, 'A value must be a well-formed string within the size limit: …'),
  STORAGE_PAGE_INVALID: row(
    400,
    'The limit of a page must be a whole number from 1, its cursor a whole number from 0: …',
  ),
  STORAGE_CHANGE_INVALID: row(
    500,
    'A change must name each key once; revisions are whole numbers from 0, and ttlMs is a whole number from 1: …',
  ),
  STORAGE_ANSWER_INVALID: row(500, 'The storage adapter broke its contract; nothing was changed: …'),
  STORAGE_UNAVAILABLE: row(503, 'The store cannot be reached; nothing was changed. …'),
  STORAGE_OUTCOME_UNKNOWN: row(
    503,
    'It is unknown whether the change was stored; read the entries back before you repeat it. …',
  ),
  STORAGE_FULL: row(507, 'The store is full; nothing was changed. …'),
  STORAGE_CLOSED: row(503, 'The store is closed; nothing was changed.'),
  STORAGE_CORRUPT: row(500, 'The data is damaged and was left unchanged: …'),
  STORAGE_EDITED: row(500, 'The data was edited before the changes in the journal were merged into it: …'),
  STORAGE_UNREADABLE: row(500, 'The data cannot be read or written: …'),
  STORAGE_NOT_DURABLE: row(500, 'The data cannot be kept safely here: …'),
  STORAGE_LOCKED: row(503, 'The data is in use: …'),
  STORAGE_HISTORY_GONE: row(410, 'The store no longer keeps changes that old; list the entries again. …'),
  STORAGE_REVISION_UNKNOWN: row(400, 'This store has not reached that revision: …'),
  STORAGE_WATCH_MISSING: row(501, 'This store has no feed of changes: …'),
  STORAGE_DRIVER_MISSING: row(500, 'The storage adapter needs a package that is not installed: …'),

  // Configuration and start
  CONFIG_UNREADABLE: row(500, 'The configuration cannot be read: …'),
  CONFIG_SYNTAX: row(500, 'The configuration is not valid JSON: …'),
  CONFIG_INVALID: row(500, 'The configuration is not valid: …'),
  CONFIG_ENV_MISSING: row(500, 'The configuration needs an environment variable that is not set: …'),
  PLUGIN_UNKNOWN: row(500, 'No such plugin: …'),
  PLUGIN_INVALID: row(500, 'This is not a plugin: …'),
  PLUGIN_LOAD_FAILED: row(500, 'The plugin could not be loaded: …'),
  PLUGIN_OPTIONS_INVALID: row(500, 'The options of a plugin are not valid: …'),
  PLUGIN_REPEATED: row(500, 'A plugin is named twice: …'),
  PLUGIN_NEEDS_MISSING: row(500, 'A plugin needs another plugin that is not configured: …'),
  PLUGIN_NEEDS_VERSION: row(500, 'A plugin needs a different version of another plugin: …'),
  PLUGIN_NEEDS_CYCLE: row(500, 'Plugins need each other in a circle: …'),
  PLUGIN_SETUP_FAILED: row(500, 'A plugin failed while it was set up: …'),
  PLUGIN_SETUP_TIMEOUT: row(500, 'A plugin was not set up in time: …'),
  HANDLER_REPEATED: row(500, 'Two plugins claim the same method and path: …'),
  RELOAD_NEEDS_RESTART: row(500, 'This change needs a restart; nothing was changed: …'),
  ADAPTER_UNKNOWN: row(500, 'No such storage adapter: …'),
  ADAPTER_INVALID: row(500, 'This is not a storage adapter: …'),
  ADAPTER_OPTIONS_INVALID: row(500, 'The options of the storage adapter are not valid: …'),
  PORT_IN_USE: row(500, 'The port is in use: …'),
  ADDRESS_NOT_AVAILABLE: row(500, 'This machine does not have the address: …'),
  PORT_FORBIDDEN: row(500, 'This user may not listen on the port: …'),
  SOCKET_IN_USE: row(500, 'The Unix socket is in use: …'),
  SOCKET_UNAVAILABLE: row(500, 'The Unix socket cannot be created: …'),
  LISTEN_FAILED: row(500, 'The server cannot listen: …'),
  TLS_UNREADABLE: row(500, 'A TLS file cannot be read: …'),
  TLS_INVALID: row(500, 'The TLS certificate or key cannot be used: …'),

  // Command line and client
  USAGE: row(500, '…'),
  CASES_INVALID: row(500, 'The case file is not valid: …'),
  SERVER_UNREACHABLE: row(500, 'The server cannot be reached: …'),
  EXPORT_INVALID: row(500, 'The export is incomplete or was changed: …'),
  EXPORT_UNREADABLE: row(500, 'The export cannot be read or written: …'),
  STORE_NOT_EMPTY: row(500, 'The target already has entries; nothing was stored. …'),
  STORE_DIFFERS: row(500, 'The target does not match the source: …'),
  STORE_CHANGED: row(500, 'The source changed while it was copied: …'),
  REPAIR_UNKNOWN: row(500, 'The storage adapter has no such repair: …'),
  INTERRUPTED: row(500, 'Stopped before the end. …'),
  RELOAD_FAILED: row(500, 'The server keeps its old configuration: …'),
  PROJECT_NOT_WRITTEN: row(500, 'The project cannot be written: …'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code. `message` is the sentence of the table with the detail. */
export class JackfieldError extends Error {
  override readonly name = 'JackfieldError';
  readonly code: ErrorCode;

  /**
   * @param detail The detail of this error; it replaces the `…` of the sentence, or follows a sentence without `…`.
   * @param options.cause The original error, kept for the log and for `--debug`.
   */
  constructor(code: ErrorCode, detail = '', options?: { cause?: unknown }) {
    super(sentenceOf(code, detail), options);
    this.code = code;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get closes(): boolean {
    return ERRORS[this.code].closes;
  }
}

sameInAllCopies(JackfieldError, 'JackfieldError');

/** Several errors reported at once, so that one start shows all faults of a configuration. Its code is that of the first. */
export class JackfieldErrors extends JackfieldError {
  readonly errors: readonly JackfieldError[];

  /** @param errors At least one. */
  constructor(errors: readonly JackfieldError[]) {
    super(errors[0]?.code ?? 'CONFIG_INVALID', '', { cause: errors[0] });
    this.errors = errors;
    this.message = errors.map(({ message }) => message).join('\n');
  }
}

sameInAllCopies(JackfieldErrors, 'JackfieldErrors');

function sentenceOf(code: ErrorCode, detail: string): string {
  const { sentence } = ERRORS[code];
  if (sentence.includes('…')) return sentence.replace('…', () => detail).trimEnd();
  return detail === '' ? sentence : `${sentence} ${detail}`;
}

/** The message of a thrown value. The value may be anything, and even reading it may throw; this function never throws. */
export function reasonOf(cause: unknown): string {
  try {
    // Node gives no message to the error for several failed addresses.
    if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join('; ');
    return String(cause instanceof Error ? cause.message : cause);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** The `code` of an error of Node or of the system; `''` if it has none. */
export function systemCode(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}
