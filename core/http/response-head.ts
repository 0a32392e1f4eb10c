/** The head of a standard response as text: status line and header section, RFC 9112 §4 and §5. */
import { reasonPhrase } from './reason-phrases.js';

/**
 * How the body of a response is delimited, RFC 9112 §6.
 * - a number: Content-Length, in octets
 * - `chunked`: Transfer-Encoding
 * - `close`: by the end of the connection, for HTTP/1.0
 * - `none`: no field about it: 204, 304, and HEAD where the length is unknown
 */
export type ResponseFraming = number | 'chunked' | 'close' | 'none';

export interface ResponseHead {
  readonly status: number;
  /** Field lines, checked before, with their ends; framing fields, Connection and Date are not among them. */
  readonly fieldText: string;
  readonly framing: ResponseFraming;
  /** Whether the connection closes behind this response. */
  readonly close: boolean;
  /** HTTP/1.0 clients learn that the connection stays open only from a field (RFC 9112 §9.3). */
  readonly keepAliveField: boolean;
  /** Value of the Date field; every final response carries one (RFC 9110 §6.6.1). `''` where `fieldText` has it. */
  readonly date: string;
}

const STATUS_LINES = new Map<number, string>();

function statusLine(status: number): string {
  let line = STATUS_LINES.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
    STATUS_LINES.set(status, line);
  }
  return line;
}

/** @param fields Names and values in turn. */
export function formatFields(fields: readonly string[]): string {
  let text = '';
  for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`;
  return text;
}

/** @returns latin1 text up to and including the empty line. */
export function formatHead({
  status,
  fieldText,
  framing,
  close,
  keepAliveField,
  date,
}: ResponseHead): string {
  let head = statusLine(status);
  if (date !== '') head += `Date: ${date}\r\n`;
  head += fieldText;
  if (typeof framing === 'number') head += `Content-Length: ${framing}\r\n`;
  else if (framing === 'chunked') head += 'Transfer-Encoding: chunked\r\n';
  if (close) head += 'Connection: close\r\n';
  else if (keepAliveField) head += 'Connection: keep-alive\r\n';
  return `${head}\r\n`;
}
