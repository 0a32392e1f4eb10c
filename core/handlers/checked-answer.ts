/** Turns the return value of a handler or a hook into an answer that fits the request. */
import type { ResponseValue } from '../api/answer.js';
import { abandon, abandonFaulty } from '../exchange/answer-source.js';
import type { ExchangeRequest } from '../exchange/exchange-request.js';
import { type Answer, isStream, replaceAnswer, toAnswer } from './answer.js';
import { conditional } from './conditional.js';
import { mustFit } from './hand-over.js';

/**
 * Checks a returned value. If it has a validator, the conditions of the request are applied to it.
 * @param shown The answer that a `response` hook got.
 * Errors: HANDLER_ANSWER_INVALID.
 */
export function answerTo(request: ExchangeRequest, value: ResponseValue, shown?: Answer): Answer {
  try {
    return checkedAnswer(request, value, shown);
  } catch (error) {
    abandonFaulty(value);
    throw error;
  }
}

function checkedAnswer(request: ExchangeRequest, value: ResponseValue, shown?: Answer): Answer {
  const answer = toAnswer(value, shown);
  if (answer.handOver !== undefined || request.method === 'CONNECT') {
    mustFit(request, answer);
    const { handOver } = answer;
    return handOver ? { ...answer, handOver: { ...handOver, plugin: request.handledBy } } : answer;
  }
  const { validators } = answer.fields;
  return validators === undefined ? answer : conditional(request, answer, validators);
}

/**
 * The answer after a hook replaced it. If the hook replaces a stream with a whole body, nobody reads the stream, so it
 * is closed. If the hook returns another stream, that one may read the first, so the first stays open.
 */
export function withoutLoss(before: Answer, by: Answer): Answer {
  if (isStream(before.body) && !isStream(by.body)) abandon(before.body);
  const answer = replaceAnswer(before, by);
  // A hook that only adds a field to a takeover does not become the owner of the connection.
  const isSame = before.handOver !== undefined && before.handOver.takeOver === by.handOver?.takeOver;
  return isSame ? { ...answer, handOver: before.handOver } : answer;
}
