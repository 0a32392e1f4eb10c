/** Feeds octets to a response parser as a connection would and writes down what it said. */
import { type HeadMemo, ResponseParser } from '../../../core/http/response-parser.js';
import type { Memory } from './judge.js';

export const RESPONSE_LIMITS = { maxHeaderSectionOctets: 300, maxHeaderFields: 10 };

export interface Judged {
  /** Event lines, as in the vectors. */
  readonly events: readonly string[];
  /** The parser, which waits for `expect` if the last event is `complete`. */
  readonly parser: ResponseParser;
}

/** What overwritten memory holds: a parser that reads it reads nonsense. */
const RUBBISH = 0x0a;

export interface Way {
  readonly method?: string;
  readonly limits?: typeof RESPONSE_LIMITS;
  readonly memory?: Memory;
  /** The connection ends behind the octets. */
  readonly ended?: boolean;
  readonly memo?: HeadMemo;
  /** Responses to the same method, one after the other. */
  readonly responses?: number;
}

export function judgeResponse(pieces: Iterable<Buffer>, way: Way = {}): Judged {
  const { method = 'GET', limits = RESPONSE_LIMITS, memory = 'steady', ended = false, responses = 1 } = way;
  const parser = new ResponseParser(limits, way.memo);
  const events: string[] = [];
  let data = '';
  let left = responses;
  const flush = (): void => {
    if (data !== '') events.push(`data ${data}`);
    data = '';
  };
  /** @returns whether more may be read. */
  const read = (again: () => void): boolean => {
    for (;;) {
      const event = parser.next();
      if (event === 'need-data') return true;
      if (event === 'data') data += parser.data.toString('latin1');
      else {
        flush();
        if (event === 'head') events.push(...headLines(parser));
        else if (event === 'error') events.push(`error ${parser.error!.code}`);
        else {
          events.push(...fieldLines('trailer', parser.trailers), 'complete');
          if (--left > 0) parser.expect(method);
        }
        if (event === 'error' || left === 0) return false;
      }
      again();
    }
  };
  parser.expect(method);
  let goesOn = true;
  let shared = Buffer.alloc(0);
  for (const piece of pieces) {
    if (!goesOn) break;
    let octets = piece;
    if (memory !== 'steady') {
      if (shared.length < piece.length + 3) shared = Buffer.alloc(piece.length + 3, RUBBISH);
      octets = shared;
      piece.copy(octets);
    }
    parser.feed(octets, piece.length);
    goesOn = read(() => {
      if (memory !== 'kept') return;
      parser.keep();
      shared.fill(RUBBISH);
    });
    if (memory !== 'steady') shared.fill(RUBBISH);
  }
  if (goesOn) {
    flush();
    events.push(ended && parser.end() ? 'complete' : 'incomplete');
  }
  return { events, parser };
}

function headLines({ head }: ResponseParser): string[] {
  const { status, minorVersion, reason, framing, persistent, raw } = head!;
  return [
    `head ${status} 1.${minorVersion} ${reason}`.trimEnd(),
    ...fieldLines('field', raw),
    framing.kind === 'length' ? `framing length ${framing.octets}` : `framing ${framing.kind}`,
    `persistent ${persistent ? 'yes' : 'no'}`,
  ];
}

function fieldLines(word: string, raw: readonly string[]): string[] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [`${word} ${name}: ${raw[at + 1]}`.trimEnd()] : []));
}
