/**
 * Puts answers into the outbox: whole, as a stream, or in a dialect's own form. Which fields frame a body is decided
 * here (RFC 9112 §6).
 */
import { Buffer } from 'node:buffer';
import type { Limits } from '../config/limits.js';
import { ERRORS, JackfieldError } from '../errors.js';
import { abandon, type Streamed } from '../exchange/answer-source.js';
import type { Exchange } from '../exchange/exchange.js';
import { type Answer, errorAnswer, isExpected } from '../handlers/answer.js';
import { deriveFields } from '../handlers/answer-fields.js';
import { type AnswerTrailers, trailerText } from '../handlers/answer-trailers.js';
import { logFields } from '../handlers/request-state.js';
import type { HttpClock } from '../http/http-clock.js';
import type { ResponseFraming } from '../http/response-head.js';
import type { Log } from '../log.js';
import { BodyWriter } from './body-writer.js';
import { Collector } from './collector.js';
import type { Outbox } from './outbox.js';

/** What all senders of a server share. */
export interface SenderServices {
  readonly limits: Limits;
  readonly clock: HttpClock;
  readonly log: Log;
  /** The field line that says how long a connection stays open; empty where there is nothing to say. */
  readonly keepAliveLine: string;
}

/** What a sender tells its connection. */
export interface SenderEvents {
  /** The answer is in the outbox whole; `later` where that was not within the call of `send`. */
  sent(exchange: Exchange, later: boolean): void;
  /** The answer cannot be completed: only breaking the connection off keeps the client from taking it for whole. */
  broken(): void;
  /** Whether nothing can be sent any more. */
  readonly isGone: boolean;
}

export class AnswerSender {
  readonly #outbox: Outbox;
  readonly #services: SenderServices;
  readonly #events: SenderEvents;
  /** The connection closes behind the answer under way, and its head says so. */
  isLast = false;
  /** The stream on its way; told when the peer is gone. */
  #underWay: { cancel(): void } | undefined;

  constructor(outbox: Outbox, services: SenderServices, events: SenderEvents) {
    this.#outbox = outbox;
    this.#services = services;
    this.#events = events;
  }

  send(exchange: Exchange, answer: Answer): void {
    const { head } = exchange.request;
    if (head.claim !== undefined) {
      this.#sendInDialect(exchange, answer);
      return;
    }
    const bodyless = head.method === 'HEAD' || answer.status === 204 || answer.status === 304;
    const { body } = answer;
    if (bodyless || body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      this.#sendWhole(exchange, answer, bodyless, false);
    } else this.#sendStream(exchange, answer, body, streamFraming(answer, head.minorVersion));
  }

  /**
   * Answers what never became an exchange; the last answer of its connection.
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

  /** In place of an answer that would hand the connection over. @param why Absent where it is the plugin's own fault. */
  notHandedOver(exchange: Exchange, why: 'SERVER_CLOSING' | 'PLUGIN_LEFT' | undefined): Answer {
    if (why !== undefined) return errorAnswer(new JackfieldError(why));
    const error = new JackfieldError(
      'HANDLER_ANSWER_INVALID',
      'It takes over the connection before the whole body of the request was received; read the body first.',
    );
    this.blame(exchange, error);
    return errorAnswer(error);
  }

  /** The head behind which the connection is somebody else's: it says nothing of a body or of staying open. */
  sendHandOver(exchange: Exchange, { status, fields }: Answer): void {
    exchange.headSent = true;
    exchange.status = status;
    // RFC 9110 §7.8: who asked for both is told to go on before it is told to switch.
    if (exchange.request.head.section.expectsContinue && !exchange.continueSent)
      this.#outbox.text('HTTP/1.1 100 Continue\r\n\r\n');
    const { text } = fields;
    this.#outbox.text(text.opening(status, this.#services.clock.date) + text.ending('none', ''));
  }

  /** The peer is gone: a stream that is on its way is let go. */
  gone(): void {
    this.#underWay?.cancel();
    this.#underWay = undefined;
  }

  #head(exchange: Exchange, answer: Answer, framing: ResponseFraming): string {
    exchange.headSent = true;
    exchange.status = answer.status;
    exchange.code = answer.code;
    exchange.endLooksWhole = framing === 'close';
    if (framing === 'close') this.isLast = true;
    const isOld = exchange.request.head.minorVersion === 0;
    if (typeof framing === 'number' && !this.isLast && !isOld)
      return answer.fields.text.whole(
        answer.status,
        this.#services.clock.date,
        framing,
        this.#services.keepAliveLine,
      );
    const { keepAliveLine } = this.#services;
    const keepsAlive = isOld || keepAliveLine !== '' ? 'keep-alive' : '';
    const { text } = answer.fields;
    const opening = text.opening(answer.status, this.#services.clock.date);
    if (this.isLast) return opening + text.ending(framing, 'close');
    return opening + text.ending(framing, keepsAlive, keepAliveLine);
  }

  #sendWhole(exchange: Exchange, answer: Answer, bodyless: boolean, later: boolean): void {
    const { body, status } = answer;
    // Without a body to send, the length is what GET's would have (RFC 9110 §8.6), as far as it is known.
    const octets = bodyless ? (lengthOf(body) ?? answer.contentLength) : (lengthOf(body) ?? 0);
    const framing = status === 204 || octets === undefined ? 'none' : octets;
    if (bodyless || octets === undefined || octets === 0) {
      if (bodyless) abandon(body);
      this.#outbox.text(this.#head(exchange, answer, framing));
    } else if (octets > this.#services.limits.maxBufferedOctets) {
      const whole = typeof body === 'string' ? Buffer.from(body) : (body as Uint8Array);
      this.#sendStream(exchange, answer, whole, octets);
      return;
    } else if (typeof body === 'string') {
      // As many octets as characters: it is ASCII and the same in latin1.
      const text = octets === body.length ? body : toLatin1(body);
      exchange.contentOctets = octets;
      this.#outbox.text(this.#head(exchange, answer, framing) + text);
    } else {
      this.#outbox.text(this.#head(exchange, answer, framing));
      exchange.contentOctets = octets;
      this.#outbox.octets(body as Uint8Array);
    }
    this.#events.sent(exchange, later);
  }

  #sendStream(
    exchange: Exchange,
    answer: Answer,
    body: Streamed | Uint8Array,
    framing: ResponseFraming,
  ): void {
    const trailers = framing === 'chunked' ? answer.trailers : undefined;
    const told = trailers === undefined ? answer : withTrailerField(answer, trailers);
    const writer = new BodyWriter({
      sink: this.#outbox,
      sent: (octets) => {
        exchange.contentOctets += octets;
      },
      body,
      sendHead: () => this.#outbox.text(this.#head(exchange, told, framing)),
      chunked: framing === 'chunked',
      trailers: trailers && (() => trailerText(trailers)),
      contentLength: typeof framing === 'number' ? framing : answer.contentLength,
      pieceOctets: this.#services.limits.maxBufferedOctets,
      blame: (error) => this.blame(exchange, error),
    });
    this.#run(exchange, writer, {
      ended: () => this.#events.sent(exchange, true),
      failed: (error) => {
        if (writer.headSent || !isExpected(error)) this.blame(exchange, error);
        // Without its end the message is incomplete and cannot be taken for whole (RFC 9112 §8).
        if (writer.headSent) this.#events.broken();
        else this.#replace(exchange, error);
      },
    });
  }

  /** Neither is called where the peer is gone before. */
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
        this.blame(exchange, error);
        this.#events.broken();
      });
  }

  /** In place of an answer of which nothing was sent. */
  #replace(exchange: Exchange, error: unknown): void {
    const answer = errorAnswer(error);
    this.isLast ||= answer.close;
    this.#sendWhole(exchange, answer, exchange.request.head.method === 'HEAD', true);
  }

  /** A dialect's answers have their length in front, so a stream is collected first. */
  #sendInDialect(exchange: Exchange, answer: Answer): void {
    const { body } = answer;
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      this.#writeInDialect(exchange, answer, Buffer.from(body ?? ''), false);
      return;
    }
    const collector = new Collector();
    const writer = new BodyWriter({
      sink: collector,
      body,
      sendHead: () => {},
      chunked: false,
      contentLength: answer.contentLength,
      pieceOctets: this.#services.limits.maxBufferedOctets,
      blame: (error) => this.blame(exchange, error),
    });
    this.#run(exchange, writer, {
      ended: () => this.#writeInDialect(exchange, answer, collector.whole, true),
      failed: (error) => {
        this.blame(exchange, error);
        this.#events.broken();
      },
    });
  }

  #writeInDialect(exchange: Exchange, answer: Answer, octets: Buffer, later: boolean): void {
    const headers = new Map<string, string[]>();
    const { raw } = answer.fields;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at]!.toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), raw[at + 1]!]);
    }
    const told = { status: answer.status, headers, contentLength: octets.length, date: new Date() };
    const written = exchange.request.head.claim!.write(told);
    this.isLast ||= written.close;
    exchange.status = answer.status;
    exchange.code = answer.code;
    if (written.withBody) exchange.contentOctets = octets.length;
    this.#outbox.text(written.head);
    if (written.withBody) this.#outbox.octets(octets);
    this.#events.sent(exchange, later);
  }

  tellTimeout({ request }: Exchange): void {
    const { handledBy, method, path } = request;
    const { sentence } = ERRORS.HANDLER_TIMEOUT;
    this.#services.log.error(
      { plugin: handledBy, method, path, code: 'HANDLER_TIMEOUT', ...logFields.get(request) },
      sentence,
    );
  }

  /** The log names the plugin; the client gets its refusal. */
  tellHooksLate({ request }: Exchange): void {
    const { handledBy, method, path } = request;
    this.#services.log.error(
      { plugin: handledBy, method, path, ...logFields.get(request) },
      'A hook took too long; the error answer of the server was sent without it.',
    );
  }

  /** Tells the log of a fault that the client is not told. */
  blame({ request, body }: Pick<Exchange, 'request' | 'body'>, error: unknown): void {
    const { handledBy, dialect, method, path } = request;
    // The body that this answer is made of was broken off by the client: the plugin has done nothing wrong.
    const level = body?.failure !== undefined && error === body.failure ? 'debug' : 'error';
    this.#services.log[level](
      { plugin: handledBy, dialect, method, path, ...logFields.get(request), err: error },
      'The answer of a plugin failed while it was sent.',
    );
  }
}

/** Behind a body with Content-Length there is no place for trailers (RFC 9112 §7.1.2). */
function streamFraming({ contentLength, trailers }: Answer, minorVersion: 0 | 1): ResponseFraming {
  if (minorVersion === 1 && trailers !== undefined) return 'chunked';
  return contentLength ?? (minorVersion === 1 ? 'chunked' : 'close');
}

/** RFC 9110 §6.6.2: names that are known are announced. */
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
