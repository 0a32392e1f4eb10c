/** The head of a standard response as text: status line and header section, RFC 9112 §4 and §5. */
import { reasonPhrase } from './reason-phrases.js';

/**
 * How the body of a response is delimited, RFC 9112 §6.
 * - a number: Content-Length, in octets
 * - `chunked`: Transfer-Encoding
 * - `close`: by the end of the connection, for HTTP/1.0
 * - `none`: no framing field: 204, 304, and HEAD if the length is unknown
 */
export type ResponseFraming = number | 'chunked' | 'close' | 'none';

/** Field lines as sent on the wire, without framing fields, Connection and (usually) Date. */
export class FieldText {
  readonly text: string;
  /** The lines include Upgrade: then Connection must name it too (RFC 9110 §7.8). */
  readonly upgrades: boolean;
  readonly #hasDate: boolean;
  #status = 0;
  #date = '';
  #opening = '';
  #length = -1;
  #keepAlive = '';
  #whole = '';
  #isFlat = false;

  /** @param hasDate Whether the lines include Date. */
  constructor(text: string, hasDate: boolean, upgrades: boolean) {
    this.text = text;
    this.upgrades = upgrades;
    this.#hasDate = hasDate;
  }

  /** The same with other field lines after these. */
  with(lines: string): FieldText {
    return new FieldText(this.text + lines, this.#hasDate, this.upgrades);
  }

  /**
   * Status line, Date and these lines. Cached for repeated answers with one status until the date changes.
   * @param date Value of the Date field; every final response carries one (RFC 9110 §6.6.1).
   */
  opening(status: number, date: string): string {
    if (status === this.#status && date === this.#date) return this.#opening;
    const dateLine = this.#hasDate ? '' : `Date: ${date}\r\n`;
    this.#status = status;
    this.#date = date;
    this.#length = -1;
    this.#opening = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${dateLine}${this.text}`;
    return this.#opening;
  }

  /**
   * The whole head of a response on a connection that stays open. Cached while the length of the body is the same.
   * @param length Length of the body, in octets.
   * @param keepAlive The Keep-Alive line from `keepAliveLine`.
   */
  whole(status: number, date: string, length: number, keepAlive: string): string {
    if (
      length === this.#length &&
      status === this.#status &&
      date === this.#date &&
      keepAlive === this.#keepAlive
    ) {
      // Worth it from the second use on: a string built from parts is flattened again at every write.
      if (!this.#isFlat) {
        this.#whole = Buffer.from(this.#whole, 'latin1').toString('latin1');
        this.#isFlat = true;
      }
      return this.#whole;
    }
    this.#whole =
      this.opening(status, date) + this.ending(length, keepAlive === '' ? '' : 'keep-alive', keepAlive);
    this.#length = length;
    this.#keepAlive = keepAlive;
    this.#isFlat = false;
    return this.#whole;
  }

  /**
   * The lines after `opening`. There is one Connection line, whatever its options.
   * @param keepAlive The Keep-Alive line; only with `keep-alive`, which names it (RFC 9110 §7.6.1).
   */
  ending(framing: ResponseFraming, connection: 'close' | 'keep-alive' | '', keepAlive = ''): string {
    if (!this.upgrades) return headEnding(framing, connection, keepAlive);
    return headEnding(framing, connection === '' ? 'upgrade' : `${connection}, upgrade`, keepAlive);
  }
}

/** @param fields Names and values in turn. */
export function formatFields(fields: readonly string[]): string {
  let text = '';
  for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`;
  return text;
}

/**
 * The lines after the field lines, up to and including the empty line.
 * @param connection `close` if the connection closes after this response; `keep-alive` for HTTP/1.0 clients, which keep
 *   the connection open only with this field (RFC 9112 §9.3); `''` for no Connection line.
 */
function headEnding(framing: ResponseFraming, connection: string, keepAlive = ''): string {
  const body =
    typeof framing === 'number'
      ? `Content-Length: ${framing}\r\n`
      : framing === 'chunked'
        ? 'Transfer-Encoding: chunked\r\n'
        : '';
  return `${body}${connection === '' ? '' : `Connection: ${connection}\r\n`}${keepAlive}\r\n`;
}

/** How much earlier than the server the client should close: a request may be on its way for that long. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/**
 * Tells a client how long its connection stays open between requests, in whole seconds (RFC 2068 §19.7.1), so that it
 * does not send a request while the server closes. Empty if less than a second is left.
 */
export function keepAliveLine(idleTimeoutMs: number): string {
  const seconds = Math.floor((idleTimeoutMs - KEEP_ALIVE_MARGIN_MS) / 1_000);
  return seconds >= 1 && Number.isFinite(seconds) ? `Keep-Alive: timeout=${seconds}\r\n` : '';
}
