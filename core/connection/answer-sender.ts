/**
 * Puts answers into the outbox: whole, as a stream, or in a dialect's own form. This file chooses the fields that frame
 * a body (RFC 9112 §6).
 */
import { Buffer } from 'node:buffer';
import type { Limits } from '../config/limits.js';
import type { JackfieldError } from '../errors.js';
import { abandon, type Streamed } from '../exchange/answer-source.js';
import type { Exchange } from '../exchange/exchange.js';
import { type Answer, errorAnswer, isExpected } from '../handlers/answer.js';
import { deriveFields } from '../handlers/answer-fields.js';
import type { AnswerTrailers } from '../handlers/answer-trailers.js';
import type { HttpClock } from '../http/http-clock.js';
import type { ResponseFraming } from '../http/response-head.js';
import { BodyWriter } from './body-writer.js';
import type { KeepAlive } from './keep-alive.js';
import type { Outbox } from './outbox.js';
import { Collector, PeerSink } from './sinks.js';

/** Shared by all senders of a server. */
export interface SenderServices {
  readonly limits: Limits;
  readonly clock: HttpClock;
  /** The Keep-Alive field line; empty if there is none. */
  readonly keepAliveLine: string;
}

export interface SenderEvents {
  /** The whole answer is in the outbox; called inside `send`. */
  sent(exchange: Exchange): void;
  /** The same, after `send` returned. */
  sentLater(exchange: Exchange): void;
  /**
   * The answer cannot be completed: the connection must be reset, or the client treats the part that it has as
   * complete.
   */
  broken(): void;
}

export class AnswerSender {
  readonly #outbox: Outbox;
  readonly #keepAlive: KeepAlive;
  readonly #services: SenderServices;
  readonly #events: SenderEvents;
  /** The stream in progress; cancelled when the peer is gone. */
  #underWay: { cancel(): void } | undefined;

  constructor(outbox: Outbox, keepAlive: KeepAlive, services: SenderServices, events: SenderEvents) {
    this.#outbox = outbox;
    this.#keepAlive = keepAlive;
    this.#services = services;
    this.#events = events;
  }

  send(exchange: Exchange, answer: Answer): void {
    const { head } = exchange.request;
    if (head.claim !== undefined) {
      this.#sendInDialect(exchange, answer);
      return;
    }
    const { body } = answer;
    if (isWhole(body) || isBodyless(exchange, answer)) {
      if (this.#sendWhole(exchange, answer)) this.#events.sent(exchange);
    } else this.#sendStream(exchange, answer, body, streamFraming(answer, head.minorVersion));
  }

  /**
   * Answers octets that never became an exchange. It is the last answer of its connection.
   * @returns the octets of its content.
   */
  sendError(error: JackfieldError, isHead: boolean): number {
    const { status, fields, body } = errorAnswer(error);
    const text = toLatin1(String(body));
    const head =
      fields.text.opening(status, this.#services.clock.date) + fields.text.ending(text.length, 'close');
    this.#outbox.text(isHead ? head : head + text);
    return isHead ? 0 : text.length;
  }

  /** Sends a head after which the connection leaves HTTP: it has no fields about a body or keep-alive. */
  sendHandOver(exchange: Exchange, { status, code, fields }: Answer): void {
    // RFC 9110 §7.8: a client that asked for both gets 100 before 101.
    if (exchange.request.head.section.expectsContinue && !exchange.sentContinue)
      this.#outbox.text('HTTP/1.1 100 Continue\r\n\r\n');
    exchange.beginHead(status, code, false);
    const { text } = fields;
    this.#outbox.text(text.opening(status, this.#services.clock.date) + text.ending('none', ''));
  }

  /** The peer is gone: a stream in progress is closed. */
  gone(): void {
    this.#underWay?.cancel();
    this.#underWay = undefined;
  }

  #head(exchange: Exchange, answer: Answer, framing: ResponseFraming): string {
    this.#keepAlive.writing(framing);
    exchange.beginHead(answer.status, answer.code, framing === 'close');
    const { isLast } = this.#keepAlive;
    const { clock, keepAliveLine } = this.#services;
    const { text } = answer.fields;
    const isOld = exchange.request.head.minorVersion === 0;
    if (typeof framing === 'number' && !isLast && !isOld)
      return text.whole(answer.status, clock.date, framing, keepAliveLine);
    const opening = text.opening(answer.status, clock.date);
    if (isLast) return opening + text.ending(framing, 'close');
    const keepsAlive = isOld || keepAliveLine !== '' ? 'keep-alive' : '';
    return opening + text.ending(framing, keepsAlive, keepAliveLine);
  }

  /** @returns whether the whole answer is in the outbox; if not, it continues as a stream. */
  #sendWhole(exchange: Exchange, answer: Answer): boolean {
    const { body, status } = answer;
    if (isBodyless(exchange, answer)) {
      abandon(body);
      // The length that the answer to GET would have (RFC 9110 §8.6), if it is known.
      const octets = status === 204 ? undefined : (lengthOf(body) ?? answer.contentLength);
      this.#outbox.text(this.#head(exchange, answer, octets ?? 'none'));
      return true;
    }
    const octets = lengthOf(body) ?? 0;
    if (octets === 0 || body === undefined) {
      this.#outbox.text(this.#head(exchange, answer, 0));
      return true;
    }
    if (octets > this.#services.limits.maxBufferedOctets) {
      const whole = typeof body === 'string' ? Buffer.from(body) : (body as Uint8Array);
      this.#sendStream(exchange, answer, whole, octets);
      return false;
    }
    const head = this.#head(exchange, answer, octets);
    exchange.wrote(octets);
    // If there are as many octets as characters, the text is ASCII, which is the same in latin1.
    if (typeof body === 'string') this.#outbox.text(head + (octets === body.length ? body : toLatin1(body)));
    else {
      this.#outbox.text(head);
      this.#outbox.octets(body as Uint8Array);
    }
    return true;
  }

  #sendStream(
    exchange: Exchange,
    answer: Answer,
    body: Streamed | Uint8Array,
    framing: ResponseFraming,
  ): void {
    const chunked = framing === 'chunked';
    const trailers = chunked ? answer.trailers : undefined;
    const announced = trailers === undefined ? answer : withTrailerField(answer, trailers);
    const sink = new PeerSink(this.#outbox, exchange, () => this.#head(exchange, announced, framing));
    const contentLength = typeof framing === 'number' ? framing : answer.contentLength;
    const pieceOctets = this.#services.limits.maxBufferedOctets;
    const writer = new BodyWriter(sink, { body, chunked, contentLength, trailers, pieceOctets });
    this.#run(exchange, writer, {
      ended: () => this.#events.sentLater(exchange),
      failed: (error) => {
        if (writer.hasBegun || !isExpected(error)) exchange.blame(error);
        // Without its end the message is incomplete and clients do not treat it as complete (RFC 9112 §8).
        if (writer.hasBegun) this.#events.broken();
        else this.#replace(exchange, errorAnswer(error));
      },
    });
  }

  /** Calls one of the two functions when the writer is done, and neither if the peer is gone first. */
  #run(
    exchange: Exchange,
    writer: BodyWriter,
    then: { readonly ended: () => void; readonly failed: (error: unknown) => void },
  ): void {
    this.#underWay = writer;
    const over = (goOn: () => void): void => {
      if (this.#underWay !== writer) return;
      this.#underWay = undefined;
      goOn();
    };
    writer
      .run()
      .then(
        () => over(then.ended),
        (error: unknown) => over(() => then.failed(error)),
      )
      .catch((error: unknown) => {
        exchange.blame(error);
        this.#events.broken();
      });
  }

  /** Sends this answer instead of another of which nothing was sent. */
  #replace(exchange: Exchange, answer: Answer): void {
    this.#keepAlive.also(answer.close);
    if (this.#sendWhole(exchange, answer)) this.#events.sentLater(exchange);
  }

  /** A dialect writes the length before the body, so a stream is collected first. */
  #sendInDialect(exchange: Exchange, answer: Answer): void {
    const { body, contentLength } = answer;
    if (isWhole(body)) {
      this.#writeInDialect(exchange, answer, Buffer.from(body ?? ''));
      this.#events.sent(exchange);
      return;
    }
    const collector = new Collector(exchange);
    const pieceOctets = this.#services.limits.maxBufferedOctets;
    const writing = { body, chunked: false, contentLength, trailers: undefined, pieceOctets };
    this.#run(exchange, new BodyWriter(collector, writing), {
      ended: () => {
        this.#writeInDialect(exchange, answer, collector.whole);
        this.#events.sentLater(exchange);
      },
      failed: (error) => {
        exchange.blame(error);
        this.#events.broken();
      },
    });
  }

  #writeInDialect(exchange: Exchange, answer: Answer, octets: Buffer): void {
    const { status, code, fields } = answer;
    const headers = new Map<string, string[]>();
    const { raw } = fields;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at]!.toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), raw[at + 1]!]);
    }
    const response = { status, headers, contentLength: octets.length, date: new Date() };
    const written = exchange.request.head.claim!.write(response);
    this.#keepAlive.also(written.close);
    exchange.beginHead(status, code, false);
    this.#outbox.text(written.head);
    if (!written.withBody) return;
    exchange.wrote(octets.length);
    this.#outbox.octets(octets);
  }
}

function isWhole(body: Answer['body']): body is string | Uint8Array | undefined {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array;
}

/** Whether the head has no body after it, whatever the answer contains (RFC 9112 §6.3). */
function isBodyless({ request }: Exchange, { status }: Answer): boolean {
  return request.head.method === 'HEAD' || status === 204 || status === 304;
}

/** Trailers need chunks: a body with Content-Length has no place for them (RFC 9112 §7.1.2). */
function streamFraming({ contentLength, trailers }: Answer, minorVersion: 0 | 1): ResponseFraming {
  if (minorVersion === 1 && trailers !== undefined) return 'chunked';
  return contentLength ?? (minorVersion === 1 ? 'chunked' : 'close');
}

/** RFC 9110 §6.6.2: names that are known before the body are announced. */
function withTrailerField(answer: Answer, { names }: AnswerTrailers): Answer {
  if (names.length === 0) return answer;
  return { ...answer, fields: deriveFields(answer.fields, () => true, ['Trailer', names.join(', ')]) };
}

function lengthOf(body: Answer['body']): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : undefined;
}

/** The UTF-8 octets of a text, one character each. */
function toLatin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
