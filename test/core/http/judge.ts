/** Feeds octets to a parser like a connection does, and records its events. */
import type { ErrorCode } from '../../../core/errors.js';
import type { Framing } from '../../../core/http/framing.js';
import { type ParserOptions, RequestParser } from '../../../core/http/parser.js';

export interface JudgedRequest {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly version: string;
  readonly host: string | undefined;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  readonly framing: Framing;
  readonly persistent: boolean;
  readonly expectsContinue: boolean;
  /** As latin1. */
  body: string;
  /** Names and values in turn. */
  trailers: readonly string[];
  complete: boolean;
}

export interface Verdict {
  readonly requests: readonly JudgedRequest[];
  /** Why reading stopped; undefined if more may come. */
  readonly error: ErrorCode | undefined;
  /** Whether the octets end inside a request. */
  readonly midRequest: boolean;
}

/**
 * What happens to the memory that is fed.
 * - `steady`: it is never overwritten
 * - `reused`: one buffer for everything, overwritten when the parser needs more
 * - `kept`: the same, and overwritten after every single event, after a `keep`
 */
export const MEMORIES = ['steady', 'reused', 'kept'] as const;
export type Memory = (typeof MEMORIES)[number];

export const LIMITS: ParserOptions = {
  maxTargetOctets: 100,
  maxHeaderSectionOctets: 300,
  maxHeaderFields: 10,
  maxBodyOctets: 100,
};

/** Claims a Host field with a slash, and allows the lines after it to end in LF. */
export const SLASH_DIALECT: Partial<ParserOptions> = {
  allowsBareLf: (host) => host.includes('/'),
  claim: ({ rawHeaders }) =>
    rawHeaders.some((text, at) => at % 2 === 1 && text.includes('/') && /^host$/i.test(rawHeaders[at - 1]!))
      ? { dialect: 'slash', path: '/', write: () => ({ head: '', withBody: false, close: true }) }
      : undefined,
};

/** Written over used memory: a parser that still reads it gives a wrong result. */
const RUBBISH = 0x0a;

/** @param parser A parser that waits for a request; default: a new one. */
export function judge(
  pieces: Iterable<Buffer>,
  options: ParserOptions = LIMITS,
  memory: Memory = 'steady',
  parser = new RequestParser(options),
): Verdict {
  const scribe = new Scribe(parser);
  let shared = Buffer.alloc(0);
  for (const piece of pieces) {
    if (scribe.error !== undefined) break;
    let octets = piece;
    if (memory !== 'steady') {
      // The buffer has more octets than `length` says.
      if (shared.length < piece.length + 3) shared = Buffer.alloc(piece.length + 3, RUBBISH);
      octets = shared;
      piece.copy(octets);
    }
    parser.feed(octets, piece.length);
    scribe.read(piece.length, () => {
      if (memory !== 'kept') return;
      parser.keep();
      octets.fill(RUBBISH);
    });
    if (memory !== 'steady') octets.fill(RUBBISH);
  }
  const { requests, error } = scribe;
  return { requests, error, midRequest: error === undefined && parser.midRequest };
}

class Scribe {
  readonly requests: JudgedRequest[] = [];
  error: ErrorCode | undefined;
  readonly #parser: RequestParser;

  constructor(parser: RequestParser) {
    this.#parser = parser;
  }

  /** Reads until the parser needs more. */
  read(octets: number, afterEvent: () => void): void {
    // Each event except the last consumes at least one octet; a request has two events that may share one.
    const mostCalls = 2 * octets + 4;
    for (let calls = 0; calls < mostCalls; calls++) {
      const event = this.#parser.next();
      if (event === 'need-data') return;
      if (event === 'error') {
        this.error = this.#parser.error!.code;
        return;
      }
      this.#write(event);
      afterEvent();
    }
    throw new Error(`The parser had more than ${mostCalls} events to tell of ${octets} octets`);
  }

  #write(event: 'head' | 'data' | 'complete'): void {
    switch (event) {
      case 'head':
        this.requests.push(judged(this.#parser));
        break;
      case 'data':
        if (this.#parser.data.length === 0) throw new Error('A run of body octets is empty');
        this.requests.at(-1)!.body += this.#parser.data.toString('latin1');
        break;
      case 'complete': {
        const request = this.requests.at(-1)!;
        request.trailers = [...this.#parser.trailers];
        request.complete = true;
        this.#parser.proceed();
      }
    }
  }
}

function judged(parser: RequestParser): JudgedRequest {
  const { method, target, path, query, minorVersion, host, section } = parser.head!;
  const { raw, framing, persistent, expectsContinue } = section;
  return {
    ...{ method, target, path, query, version: `1.${minorVersion}`, host },
    ...{ fields: [...raw], framing, persistent, expectsContinue },
    ...{ body: '', trailers: [], complete: false },
  };
}

/** The octets cut at these places, in any order; places beyond the end are ignored. */
export function cut(octets: Buffer, places: readonly number[]): Buffer[] {
  const inside = places.filter((place) => place > 0 && place < octets.length);
  const ends = [...new Set([...inside, octets.length])].sort((a, b) => a - b);
  return ends.map((end, at) => octets.subarray(ends[at - 1] ?? 0, end));
}

export function octetByOctet(octets: Buffer): Buffer[] {
  return Array.from(octets, (_, at) => octets.subarray(at, at + 1));
}
