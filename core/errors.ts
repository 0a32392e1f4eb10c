/**
 * Every error that a user, an operator or a client can meet, in one table.
 *
 * Codes are a promise: they never change meaning. Sentences may improve. `core/ERRORS.md` tells cause and cure
 * of each; a test holds the two together, both ways. Programming mistakes (a wrong argument to a public
 * function) are plain `TypeError`s and have no place here.
 */

import { sameInAllCopies } from './across-copies.js';

interface ErrorRow {
  /** Status of the answer where the error meets an exchange; 500 where it never should. */
  readonly status: number;
  /** Whether the connection closes behind the answer, because what follows on it cannot be trusted. */
  readonly closes: boolean;
  /** What happened and what to do. `…` at the end is where the detail of the occurrence is put. */
  readonly sentence: string;
}

const row = (status: number, sentence: string, closes = false): ErrorRow => ({ status, closes, sentence });
const closing = (status: number, sentence: string): ErrorRow => row(status, sentence, true);

/** Every error by its code. `ERRORS.md` has cause and cure of each. */
export const ERRORS = {
  // What a client sent: request line, RFC 9112 §3
  REQUEST_LINE_INVALID: closing(
    400,
    'The request line is not "method SP request-target SP HTTP-version" (RFC 9112 §3).',
  ),
  METHOD_INVALID: closing(400, 'The method is not a token (RFC 9110 §9.1).'),
  TARGET_INVALID: closing(400, 'The request target is none of the four forms (RFC 9112 §3.2).'),
  TARGET_MISDIRECTED: closing(
    421,
    'An "https" target needs a connection that is secured by TLS (RFC 9110 §7.4).',
  ),
  TARGET_TOO_LONG: closing(414, 'The request target is longer than this server takes (RFC 9110 §15.5.15).'),
  METHOD_TOO_LONG: closing(501, 'The method is longer than any this server implements (RFC 9112 §3).'),
  VERSION_INVALID: closing(400, 'The HTTP version is not written "HTTP/1.1" (RFC 9112 §2.3).'),
  VERSION_UNSUPPORTED: closing(505, 'Only HTTP/1.0 and HTTP/1.1 are spoken here (RFC 9110 §15.6.6).'),
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
    'The header section is larger than this server takes (RFC 6585 §5).',
  ),
  HEADER_FIELDS_TOO_MANY: closing(
    431,
    'The header section has more field lines than this server takes (RFC 6585 §5).',
  ),
  HOST_MISSING: closing(400, 'An HTTP/1.1 request needs a Host field (RFC 9112 §3.2).'),
  HOST_REPEATED: closing(400, 'A request has one Host field line, not several (RFC 9112 §3.2).'),
  HOST_INVALID: closing(400, 'The Host field is not "host" or "host:port" (RFC 9112 §3.2).'),

  // Framing, RFC 9112 §6 and §7
  CONTENT_LENGTH_INVALID: closing(400, 'Content-Length is not one decimal number (RFC 9112 §6.3).'),
  FRAMING_CONFLICT: closing(400, 'Transfer-Encoding and Content-Length exclude each other (RFC 9112 §6.3).'),
  TRANSFER_ENCODING_INVALID: closing(
    400,
    'Transfer-Encoding does not end in one "chunked", or came with HTTP/1.0 (RFC 9112 §6.1).',
  ),
  TRANSFER_ENCODING_UNSUPPORTED: closing(
    501,
    'The only transfer coding understood here is "chunked" (RFC 9112 §6.1).',
  ),
  CHUNK_INVALID: closing(400, 'A chunk is not "size CR LF data CR LF" (RFC 9112 §7.1).'),
  CHUNK_EXTENSIONS_TOO_LARGE: closing(
    400,
    'The chunk extensions of this request are larger than this server takes (RFC 9112 §7.1.1).',
  ),
  TRAILER_SECTION_TOO_LARGE: closing(
    431,
    'The trailer section is larger than this server takes (RFC 9112 §7.1.2).',
  ),
  BODY_TOO_LARGE: closing(413, 'The body is larger than this server takes (RFC 9110 §15.5.14).'),
  BODY_INCOMPLETE: closing(400, 'The connection ended before the body was complete (RFC 9112 §8).'),
  CONNECTION_LOST: closing(400, 'The peer closed the connection before the exchange was complete.'),
  LENGTH_REQUIRED: row(
    411,
    'Nothing was stored: the request has no Content-Length and no Transfer-Encoding, so it has no body (RFC 9110 §15.5.12). Send "Content-Length: 0" to store an empty value.',
  ),
  RESPONSE_INCOMPLETE: row(
    500,
    'The server closed the connection before the response was complete (RFC 9112 §8); its log says why.',
  ),
  EXPECTATION_FAILED: closing(
    417,
    'The only expectation understood here is "100-continue" (RFC 9110 §10.1.1).',
  ),
  REQUEST_TIMEOUT: closing(408, 'The request was not complete in time (RFC 9110 §15.5.9).'),

  // What a client asked for
  HOST_NOT_ALLOWED: row(400, 'Not allowed host: …'),
  CROSS_SITE_REFUSED: row(
    403,
    'Pages of another origin may not change anything on this server. To let this one, name its origin in the plugin "cors", or set "crossSite": "allow" in the configuration: …',
  ),
  UNAUTHORIZED: row(401, 'Valid credentials are needed here (RFC 9110 §15.5.2).'),
  FORBIDDEN: row(403, 'These credentials do not open this (RFC 9110 §15.5.4).'),
  ORIGIN_NOT_ALLOWED: row(403, 'Pages of this origin may not open a WebSocket here: …'),
  RATE_LIMITED: row(429, 'Too many requests; wait as long as Retry-After says (RFC 6585 §4).'),
  METHOD_NOT_ALLOWED: row(405, 'Method not allowed: …'),
  METHOD_UNSUPPORTED: row(501, 'What answers at this path cannot be given the method as it is: …'),
  NOT_FOUND: row(404, 'Nothing is registered at this path.'),
  WEBSOCKET_EXPECTED: row(426, 'Only WebSocket, version 13, is spoken at this path (RFC 6455 §4.2).'),
  WEBSOCKET_INVALID: row(400, 'The request asks for WebSocket and is no handshake of it (RFC 6455 §4.1): …'),
  PARAMETER_INVALID: row(400, 'A part of the path is not UTF-8 text in percent-encoding (RFC 3986 §2.1): …'),
  QUERY_INVALID: row(400, 'The query of this request is not understood: …'),
  BODY_ALREADY_READ: row(
    500,
    'The body of this request was read already; keep what the first read returned.',
  ),
  BODY_NOT_TEXT: row(400, 'The body is not text in the charset it claims (RFC 9110 §8.3.2).'),
  BODY_NOT_JSON: row(400, 'The body is not JSON (RFC 8259): …'),
  CONTENT_CODING_UNSUPPORTED: row(
    415,
    'The body has a content coding and is stored as text here; send it without Content-Encoding (RFC 9110 §15.5.16): …',
  ),
  CHARSET_UNSUPPORTED: row(415, 'The charset of the body is not known here (RFC 9110 §15.5.16): …'),

  PRECONDITION_FAILED: row(
    412,
    'The resource is not in the state that the condition of the request names (RFC 9110 §15.5.13).',
  ),
  RANGE_NOT_SATISFIABLE: row(416, 'No octet of the range is there (RFC 9110 §15.5.17).'),
  ENTRY_NOT_FOUND: row(404, 'There is no entry with this key.'),
  PARTIAL_PUT_UNSUPPORTED: row(400, 'An entry is put whole, without Content-Range (RFC 9110 §14.5).'),
  FILE_NOT_FOUND: row(404, 'There is no such file.'),
  FILE_CHANGED: row(503, 'The file changed while it was being sent; ask again.'),

  // Handlers
  HANDLER_FAILED: row(500, 'The handler failed; the log of the server says why.'),
  HANDLER_ANSWER_INVALID: row(500, 'The handler returned no valid answer; the log of the server says why.'),
  HANDLER_TIMEOUT: closing(503, 'The handler did not answer in time.'),
  SERVER_CLOSING: closing(503, 'The server is shutting down; try again elsewhere or later.'),
  PLUGIN_LEFT: row(503, 'The configuration of the server has changed; try again.'),
  OVERLOADED: row(
    503,
    'The server has more to do than it can do in time; try again later (RFC 9110 §15.6.4).',
  ),

  // Upstream
  UPSTREAM_UNREACHABLE: row(502, 'The server behind this one cannot be reached (RFC 9110 §15.6.3).'),
  UPSTREAM_INVALID: row(502, 'The server behind this one gave no valid answer (RFC 9110 §15.6.3).'),
  UPSTREAM_TIMEOUT: row(504, 'The server behind this one did not answer in time (RFC 9110 §15.6.5).'),

  // Storage
  STORAGE_KEY_INVALID: row(400, 'A key is a non-empty, well-formed string within the size limit: …'),
  STORAGE_VALUE_INVALID: row(400, 'A value is a well-formed string within the size limit: …'),
  STORAGE_PAGE_INVALID: row(
    400,
    'A page needs a whole limit of at least 1 and a whole cursor of at least 0: …',
  ),
  STORAGE_CHANGE_INVALID: row(
    500,
    'A change names each key once, checks whole revisions of at least 0 and keeps entries for a whole ttlMs of at least 1: …',
  ),
  STORAGE_ANSWER_INVALID: row(500, 'The storage adapter broke its contract; nothing was changed: …'),
  STORAGE_UNAVAILABLE: row(503, 'The store cannot be reached; nothing was changed. …'),
  STORAGE_OUTCOME_UNKNOWN: row(
    503,
    'It cannot be known whether the change was stored; read it back before you repeat it. …',
  ),
  STORAGE_FULL: row(507, 'The store has no room left; nothing was changed. …'),
  STORAGE_CLOSED: row(503, 'The store is closed; nothing was changed.'),
  STORAGE_CORRUPT: row(500, 'The data is damaged and was left as it is: …'),
  STORAGE_EDITED: row(500, 'The data was edited while changes waited to be merged into it: …'),
  STORAGE_UNREADABLE: row(500, 'The data cannot be read or written: …'),
  STORAGE_NOT_DURABLE: row(500, 'The data cannot be kept safely here: …'),
  STORAGE_LOCKED: row(503, 'The data is in use: …'),
  STORAGE_HISTORY_GONE: row(410, 'Changes that long ago are no longer kept; list the entries anew. …'),
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
  PLUGIN_NEEDS_MISSING: row(500, 'A plugin needs another that is not configured: …'),
  PLUGIN_NEEDS_VERSION: row(500, 'A plugin needs another version of another: …'),
  PLUGIN_NEEDS_CYCLE: row(500, 'Plugins need each other in a circle: …'),
  PLUGIN_SETUP_FAILED: row(500, 'A plugin failed while it was set up: …'),
  PLUGIN_SETUP_TIMEOUT: row(500, 'A plugin was not set up in time: …'),
  HANDLER_REPEATED: row(500, 'Two plugins claim the same method and path: …'),
  RELOAD_NEEDS_RESTART: row(500, 'This change needs a restart, and nothing was changed: …'),
  ADAPTER_UNKNOWN: row(500, 'No such storage adapter: …'),
  ADAPTER_INVALID: row(500, 'This is not a storage adapter: …'),
  ADAPTER_OPTIONS_INVALID: row(500, 'The options of the storage adapter are not valid: …'),
  PORT_IN_USE: row(500, 'The port is in use: …'),
  ADDRESS_NOT_AVAILABLE: row(500, 'The address is not one of this machine: …'),
  PORT_FORBIDDEN: row(500, 'The port is not open to this user: …'),
  SOCKET_IN_USE: row(500, 'The Unix socket is in use: …'),
  SOCKET_UNAVAILABLE: row(500, 'The Unix socket cannot be made: …'),
  LISTEN_FAILED: row(500, 'The server cannot listen: …'),
  TLS_UNREADABLE: row(500, 'A file for TLS cannot be read: …'),
  TLS_INVALID: row(500, 'TLS cannot be spoken with what was given: …'),

  // Command line and client
  USAGE: row(500, '…'),
  CASES_INVALID: row(500, 'The case file is not valid: …'),
  SERVER_UNREACHABLE: row(500, 'The server cannot be reached: …'),
  EXPORT_INVALID: row(500, 'The export is not whole or was changed: …'),
  EXPORT_UNREADABLE: row(500, 'The export cannot be read or written: …'),
  STORE_NOT_EMPTY: row(500, 'The target holds entries already; nothing was stored. …'),
  STORE_DIFFERS: row(500, 'The target does not hold what was to be copied: …'),
  STORE_CHANGED: row(500, 'The source was written to while it was copied: …'),
  REPAIR_UNKNOWN: row(500, 'The storage adapter has no such repair: …'),
  INTERRUPTED: row(500, 'Stopped before the end. …'),
  RELOAD_FAILED: row(500, 'The server keeps its old configuration: …'),
  PROJECT_NOT_WRITTEN: row(500, 'The project cannot be written: …'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code. `message` is the sentence of the table with the detail in its place. */
export class JackfieldError extends Error {
  override readonly name = 'JackfieldError';
  readonly code: ErrorCode;

  /**
   * @param detail What is particular to this occurrence; stands where the sentence has its `…`, else behind it.
   * @param options.cause The origin, kept for the log and for `--debug`.
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

/** Several errors told at once, so that nobody mends a configuration one error per start. Its code is that of the first. */
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

/** What was thrown, in words. It may be anything, and even looking at it may throw; this does not. */
export function reasonOf(cause: unknown): string {
  try {
    return String(cause instanceof Error ? cause.message : cause);
  } catch {
    return 'something that cannot be told';
  }
}
