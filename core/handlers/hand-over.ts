/**
 * Answers after which the connection leaves HTTP: 101 if the client asks for another protocol (RFC 9110 §7.8), 2xx for
 * CONNECT (§9.3.6). All their checks are here, except the check for a body that has not arrived yet.
 */

import type { ResponseParts, TakeOver } from '../api/answer.js';
import type { Request } from '../api/request.js';
import { protocolsOf, requestedProtocols } from '../http/protocols.js';
import { type AnswerFields, checkedFields } from './answer-fields.js';
import { invalid } from './invalid-answer.js';

export interface HandOver {
  readonly takeOver: TakeOver;
  /** Whether the core writes the head; otherwise the plugin does. */
  readonly writesHead: boolean;
  /** The plugin that owns the connection afterwards. */
  readonly plugin: string;
}

/** The parts of an answer that this file uses. */
interface HandOverAnswer {
  readonly status: number;
  readonly fields: AnswerFields;
  readonly handOver?: HandOver;
}

/** @param parts The other parts of the answer. */
export function toHandOver(
  takeOver: unknown,
  parts: Omit<ResponseParts, 'takeOver'>,
): Required<HandOverAnswer> {
  if (typeof takeOver !== 'function') throw invalid(`Its takeOver is ${typeof takeOver} and not a function.`);
  for (const name of ['body', 'json', 'trailers'] as const) {
    if (parts[name] !== undefined) throw invalid(`Its answer has both takeOver and ${name}.`);
  }
  const { status, headers } = parts;
  const writesHead = status !== undefined;
  if (!writesHead && headers !== undefined)
    throw invalid('It takes over the connection without a status, so its headers would never be sent.');
  if (writesHead && status !== 101 && !isSuccess(status))
    throw invalid(
      `A connection cannot be taken over after status ${status}; use 101, 2xx for CONNECT, or no status.`,
    );
  const fields = checkedFields(headers, undefined);
  // The plugin's own function; its parameter cannot be checked.
  const handOver = { takeOver: takeOver as TakeOver, writesHead, plugin: '' };
  return { status: status ?? 101, fields, handOver };
}

/**
 * The result of a response hook for a takeover whose head the plugin writes itself. Fields from hooks cannot be sent
 * then; they are dropped, because a hook may add fields to every answer.
 */
export function withoutLostFields(before: HandOverAnswer, value: unknown): unknown {
  const { handOver } = before;
  if (handOver === undefined || handOver.writesHead || typeof value !== 'object' || value === null)
    return value;
  const { headers: _, ...rest } = value as ResponseParts;
  return rest.takeOver === handOver.takeOver && rest.status === undefined ? rest : value;
}

/** Checks the answer against the request. Errors: HANDLER_ANSWER_INVALID. */
export function mustFit(request: Request, { status, fields, handOver }: HandOverAnswer): void {
  const isConnect = request.method === 'CONNECT';
  if (handOver === undefined) {
    // For CONNECT, success means that a tunnel is open; such an answer has no body.
    if (isConnect && isSuccess(status))
      throw invalid('It accepted CONNECT without takeOver, so there is no tunnel (RFC 9110 §9.3.6).');
    return;
  }
  if (request.dialect !== '') throw invalid('A connection of a dialect cannot be taken over.');
  if (request.method === 'HEAD')
    throw invalid(
      'The answer to HEAD is only a header section, so the connection cannot be taken over (RFC 9110 §9.3.2).',
    );
  if (isConnect) {
    if (handOver.writesHead && !isSuccess(status))
      throw invalid('CONNECT must be accepted with 2xx, not with 101.');
    return;
  }
  if (handOver.writesHead && status !== 101)
    throw invalid(`A ${status} answer can take over the connection only for CONNECT.`);
  const asked = requestedProtocols(request);
  if (asked.length === 0)
    throw invalid('It takes over the connection, but the client did not ask for an upgrade (RFC 9110 §7.8).');
  if (!handOver.writesHead) return;
  const at = fields.raw.findIndex((name, place) => place % 2 === 0 && name.toLowerCase() === 'upgrade');
  const chosen = at === -1 ? [] : protocolsOf(fields.raw[at + 1]!);
  if (chosen.length === 0)
    throw invalid('A 101 answer must name the protocol in its Upgrade field (RFC 9110 §7.8).');
  const other = chosen.find((protocol) => !asked.includes(protocol));
  if (other !== undefined)
    throw invalid(`It switches to ${other}, which the client did not name (RFC 9110 §7.8).`);
}

function isSuccess(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status < 300;
}
