/**
 * The head of a response that was read: status line, fields, and what a client connection has to understand of them. It
 * depends on the octets of the head alone, so an equal head has an equal judgement.
 */
import type { ErrorCode } from '../errors.js';
import { decideResponseFraming, type ResponseBodyFraming } from './framing.js';
import { isPersistent, listElements } from './header-section.js';

export class ReceivedHead {
  readonly status: number;
  readonly reason: string;
  /** Of the version of the sender: HTTP/1.0 or HTTP/1.1. */
  readonly minorVersion: 0 | 1;
  /** Names and values in turn, as received; values without the white space around them. */
  readonly raw: readonly string[];
  /** As the fields and the status say. A response to HEAD has no body in any case (RFC 9112 §6.3). */
  readonly framing: ResponseBodyFraming;
  /** Whether the connection stays open after this response, as far as the response says (RFC 9112 §9.3). */
  readonly persistent: boolean;
  /** For how long the sender keeps an idle connection open, in milliseconds, if it says so (RFC 2068 §19.7.1). */
  readonly keepAliveMs: number | undefined;
  /** The response is not usable. */
  readonly fault: ErrorCode | undefined;

  constructor(status: number, reason: string, minorVersion: 0 | 1, raw: readonly string[]) {
    this.status = status;
    this.reason = reason;
    this.minorVersion = minorVersion;
    this.raw = raw;
    let contentLength: string[] | undefined;
    let transferEncoding: string[] | undefined;
    let connection = '';
    let keepAlive = '';
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at]!;
      const value = raw[at + 1]!;
      // The length of the name decides first: most fields are none of these.
      switch (name.length) {
        case 10:
          if (name.toLowerCase() === 'connection') connection += `,${value}`;
          else if (name.toLowerCase() === 'keep-alive') keepAlive += `,${value}`;
          break;
        case 14:
          if (name.toLowerCase() === 'content-length') contentLength = [...(contentLength ?? []), value];
          break;
        case 17:
          if (name.toLowerCase() === 'transfer-encoding')
            transferEncoding = [...(transferEncoding ?? []), value];
          break;
      }
    }
    const framing = decideResponseFraming(status, {
      minorVersion,
      contentLength: contentLength ?? [],
      transferEncoding: transferEncoding ?? [],
    });
    this.fault = typeof framing === 'string' ? framing : undefined;
    this.framing = typeof framing === 'string' ? { kind: 'none' } : framing;
    const isOdd = this.framing.kind === 'chunked' && this.framing.isOdd;
    this.persistent =
      !isOdd && (connection === '' ? minorVersion === 1 : isPersistent(connection, minorVersion));
    this.keepAliveMs = keepAlive === '' ? undefined : timeoutOf(keepAlive);
  }

  /** Another response to the same request follows (RFC 9110 §15.2). 101 is the last one in HTTP. */
  get isInterim(): boolean {
    return this.status < 200 && this.status !== 101;
  }
}

function timeoutOf(keepAlive: string): number | undefined {
  for (const parameter of listElements(keepAlive)) {
    const seconds = /^timeout[ \t]*=[ \t]*"?([0-9]{1,6})"?$/.exec(parameter)?.[1];
    if (seconds !== undefined) return Number(seconds) * 1_000;
  }
  return undefined;
}
