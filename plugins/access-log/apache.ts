/**
 * Lines of Apache's LogFormat `%h - %u %t "%r" %>s %b`, optionally followed by `"%{Referer}i" "%{User-Agent}i"`.
 *
 * Rule: nothing that a client sent can leave its field. Quotes, backslashes, control characters and everything beyond
 * ASCII are escaped as in Apache (`\"`, `\\`, `\xhh`); outside quotes, spaces too.
 */
import type { Outcome, Request, Unread } from '../../core/plugin-api.js';

export interface Told {
  readonly request: Request;
  readonly outcome: Outcome;
  readonly target: string;
  readonly referrer: string | undefined;
  readonly user: string | undefined;
  /** When the request arrived. */
  readonly at: Date;
}

/** nginx writes this if the client left before the answer; programs for these formats expect a number. */
const CLIENT_GONE = 499;

export function common({ request, outcome, target, user, at }: Told): string {
  const { remoteAddress, method, httpVersion } = request;
  const { status, contentOctets } = outcome;
  const line = quoted(`${method} ${target} HTTP/${httpVersion}`);
  return fields(remoteAddress, user, at, line, status === 0 ? CLIENT_GONE : status, contentOctets);
}

export function combined(told: Told): string {
  return `${common(told)} ${quoted(told.referrer)} ${quoted(told.request.headers['user-agent'])}`;
}

/** The request line is already escaped by this file; `"-"` stands for none. */
export function unreadCommon(unread: Unread, at: Date): string {
  const { remoteAddress, requestLine, status, contentOctets } = unread;
  return fields(
    remoteAddress,
    undefined,
    at,
    `"${requestLine === '' ? '-' : requestLine}"`,
    status,
    contentOctets,
  );
}

export function unreadCombined(unread: Unread, at: Date): string {
  return `${unreadCommon(unread, at)} "-" "-"`;
}

function fields(
  remoteAddress: string,
  user: string | undefined,
  at: Date,
  line: string,
  status: number,
  contentOctets: number,
): string {
  const octets = contentOctets === 0 ? '-' : contentOctets;
  return [bare(remoteAddress), '-', bare(user), `[${timeOf(at)}]`, line, status, octets].join(' ');
}

function quoted(text: string | undefined): string {
  return `"${text === undefined || text === '' ? '-' : text.replaceAll(/["\\]|[^\x20-\x7e]+/g, escaped)}"`;
}

function bare(text: string | undefined): string {
  return text === undefined || text === '' ? '-' : text.replaceAll(/["\\]|[^\x21-\x7e]+/g, escaped);
}

function escaped(text: string): string {
  if (text === '"' || text === '\\') return `\\${text}`;
  // Field values are latin1, one octet per character; a name from the configuration may have others.
  const isLatin1 = /^[\0-\xff]*$/.test(text);
  return Array.from(
    Buffer.from(text, isLatin1 ? 'latin1' : 'utf8'),
    (octet) => `\\x${octet.toString(16).padStart(2, '0')}`,
  ).join('');
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `10/Oct/2000:13:55:36 +0000`: always UTC, so that lines of two machines can be compared. */
function timeOf(at: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}`;
  return `${day}:${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`;
}
