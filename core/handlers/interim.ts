/** Interim responses before the answer, RFC 9110 §15.2: a head without a body. */

import type { InterimResponse } from '../api/request.js';
import { reasonPhrase } from '../http/reason-phrases.js';
import { formatFields } from '../http/response-head.js';
import { strangeMember } from '../known-members.js';
import { checkedFields } from './answer-fields.js';
import { invalid } from './invalid-answer.js';

/** @returns its text on the wire. Errors: HANDLER_ANSWER_INVALID. */
export function interimText(interim: InterimResponse): string {
  if (typeof interim !== 'object' || interim === null) throw invalid('inform needs { status, headers }.');
  const strange = strangeMember(interim, ['status', 'headers'], 'An interim response');
  if (strange !== undefined) throw invalid(strange);
  const { status, headers } = interim;
  if (!Number.isInteger(status) || status < 102 || status > 199)
    throw invalid(`The status of an interim response must be 102 to 199; this one is ${String(status)}.`);
  const { raw, contentLength, close } = checkedFields(headers, undefined);
  if (contentLength !== undefined) throw invalid('An interim response has no body (RFC 9110 §8.6).');
  if (close || raw.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'upgrade'))
    throw invalid('An interim response must not have connection fields.');
  return `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${formatFields(raw)}\r\n`;
}
