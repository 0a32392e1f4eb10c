/**
 * Parses one response from the octets received so far. Call it again when more have arrived, so a response may come in
 * pieces of any size. Source: RFC 9112 §4, §6.3 and §7.1, from the side of the client.
 */

export interface WireResponse {
  /** Everything as received, interim responses included. */
  readonly octets: Buffer;
  /** Such as `HTTP/1.1`. */
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** Field lines in the order received, names as written. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Without the framing of chunks. */
  readonly body: Buffer;
}

export type Reading =
  /** `needs`: call again only when there are this many octets. */
  | { readonly is: 'incomplete'; readonly needs: number }
  | { readonly is: 'complete'; readonly response: WireResponse; readonly rest: Buffer }
  | { readonly is: 'malformed'; readonly why: string };

export interface ReadingManner {
  /** The method of the request: an answer to HEAD has no body. */
  readonly method: string;
  /**
   * `standard`: a final response follows 1xx, and some statuses have no body. `classic`: every response is final, also
   * 100, and only Content-Length frames the body.
   */
  readonly wire: 'standard' | 'classic';
  /** The server has closed its side; a body without a length is then complete. */
  readonly ended: boolean;
}

/** No server that we talk to sends a longer header section; without a limit it would only fill the client's memory. */
const MAX_HEADER_SECTION_OCTETS = 1_048_576;

export function readResponse(octets: Buffer, manner: ReadingManner): Reading {
  let start = 0;
  for (;;) {
    const end = octets.indexOf('\r\n\r\n', start);
    if (end < 0) {
      if (octets.length - start > MAX_HEADER_SECTION_OCTETS) {
        return malformed(`the header section does not end within ${MAX_HEADER_SECTION_OCTETS} octets`);
      }
      return malformedStart(octets.subarray(start)) ?? { is: 'incomplete', needs: octets.length + 1 };
    }
    const head = readHead(octets.toString('utf8', start, end));
    if (typeof head === 'string') return malformed(head);
    start = end + 4;
    if (manner.wire === 'standard' && head.status < 200 && head.status !== 101) continue;
    return readBody(octets, start, head, manner);
  }
}

type Head = Pick<WireResponse, 'version' | 'status' | 'reason' | 'fields'>;

/** The head, or its fault. */
function readHead(text: string): Head | string {
  const [statusLine = '', ...fieldLines] = text.split('\r\n');
  const [, version, status, reason] = /^(HTTP\/\d\.\d) (\d{3})(?: (.*))?$/.exec(statusLine) ?? [];
  if (version === undefined) return `the status line is ${JSON.stringify(statusLine)}`;
  const fields: (readonly [string, string])[] = [];
  for (const line of fieldLines) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return `a field line is ${JSON.stringify(line)}`;
    fields.push([name, value]);
  }
  return { version, status: Number(status), reason: reason ?? '', fields };
}

function readBody(octets: Buffer, start: number, head: Head, manner: ReadingManner): Reading {
  const complete = (body: Buffer, end: number): Reading => ({
    is: 'complete',
    response: { ...head, octets: octets.subarray(0, end), body },
    rest: octets.subarray(end),
  });
  if (manner.wire === 'standard' && hasNoBody(manner.method, head.status)) {
    return complete(Buffer.alloc(0), start);
  }
  if (manner.wire === 'standard' && /(^|,)\s*chunked$/i.test(fieldValue(head, 'transfer-encoding') ?? '')) {
    return readChunks(octets, start, complete);
  }
  const length = fieldValue(head, 'content-length');
  if (length === undefined) {
    if (manner.ended) return complete(octets.subarray(start), octets.length);
    return { is: 'incomplete', needs: octets.length + 1 };
  }
  if (!/^\d{1,15}$/.test(length)) return malformed(`Content-Length is ${JSON.stringify(length)}`);
  const end = start + Number(length);
  if (octets.length < end) return { is: 'incomplete', needs: end };
  return complete(octets.subarray(start, end), end);
}

function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 101 || status === 204 || status === 304;
}

function readChunks(
  octets: Buffer,
  start: number,
  complete: (body: Buffer, end: number) => Reading,
): Reading {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = octets.indexOf('\r\n', at);
    if (lineEnd < 0) return { is: 'incomplete', needs: octets.length + 1 };
    const line = octets.toString('latin1', at, lineEnd);
    const [, size] = /^([0-9a-f]{1,12})(?:[ \t]*;.*)?$/i.exec(line) ?? [];
    if (size === undefined) return malformed(`a chunk begins with ${JSON.stringify(line)}`);
    at = lineEnd + 2;
    if (/^0+$/.test(size)) break;
    const end = at + Number.parseInt(size, 16);
    if (octets.length < end + 2) return { is: 'incomplete', needs: end + 2 };
    if (octets.toString('latin1', end, end + 2) !== '\r\n') {
      return malformed(`a chunk of ${end - at} octets is not followed by CR LF`);
    }
    chunks.push(octets.subarray(at, end));
    at = end + 2;
  }
  // The trailer section: lines up to an empty one.
  for (;;) {
    const lineEnd = octets.indexOf('\r\n', at);
    if (lineEnd < 0) return { is: 'incomplete', needs: octets.length + 1 };
    const empty = lineEnd === at;
    at = lineEnd + 2;
    if (empty) return complete(Buffer.concat(chunks), at);
  }
}

/** The first value of a field, by lower-case name. */
export function fieldValue(head: Pick<WireResponse, 'fields'>, name: string): string | undefined {
  return head.fields.find(([written]) => written.toLowerCase() === name)?.[1];
}

/** Another protocol is reported at once: it may never send the empty line that ends a head. */
function malformedStart(octets: Buffer): Reading | undefined {
  const begin = octets.toString('latin1', 0, 5);
  return 'HTTP/'.startsWith(begin) ? undefined : malformed(`it begins with ${JSON.stringify(begin)}`);
}

function malformed(why: string): Reading {
  return { is: 'malformed', why: `the response is not HTTP: ${why}` };
}
