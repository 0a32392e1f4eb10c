/**
 * Answers that carry a validator (ETag, Last-Modified) are conditional: where the client has what it asks for, or wants
 * only a part, it is told so, and what is not sent is not read either. RFC 9110 §13.2.2.
 */

import type { CurrentState } from '../api/answer.js';
import type { Request } from '../api/request.js';
import { JackfieldError } from '../errors.js';
import { abandon } from '../exchange/answer-source.js';
import { chooseRange } from '../http/byte-range.js';
import { isEntityTag } from '../http/entity-tag.js';
import { evaluatePreconditions, mayBePartial, type Validators } from '../http/preconditions.js';
import { mustKnow } from '../known-members.js';
import { type Answer, errorAnswer } from './answer.js';
import { deriveFields } from './answer-fields.js';
import { FileBody } from './file.js';

/** The answer of a handler to GET or HEAD, or what the conditions of the request make of it. */
export function conditional(request: Request, answer: Answer, validators: Validators): Answer {
  const { method, headers } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  // Conditions are only about answers that would have been a success (§13.2.1); a dialect knows none.
  if (!isRead || answer.status >= 300 || request.dialect !== '') return answer;
  switch (evaluatePreconditions(headers, validators, isRead)) {
    case 'not-modified':
      abandon(answer.body);
      return notModified(answer);
    case 'failed':
      abandon(answer.body);
      return { ...errorAnswer(new JackfieldError('PRECONDITION_FAILED')), close: answer.close };
    case 'perform':
      return method === 'GET' ? partial(headers, answer, validators) : answer;
  }
}

/**
 * What is about the octets that are not sent: §15.4.5 asks for nothing of it, and a cache would overwrite what it has.
 * Everything else stays, also what the RFC does not ask for, as headers about security or cross-origin use.
 */
const ABOUT_CONTENT = new Set(['content-type', 'content-encoding', 'content-language', 'content-range']);

function notModified({ fields, close }: Answer): Answer {
  const hasEtag = fields.validators?.etag !== undefined;
  const kept = deriveFields(
    fields,
    (name) => !ABOUT_CONTENT.has(name) && !(hasEtag && name === 'last-modified'),
  );
  return { status: 304, fields: kept, body: undefined, contentLength: undefined, close };
}

/** Only a file knows its parts; ranges of anything else are ignored, which §14.2 allows. */
function partial(headers: Request['headers'], answer: Answer, validators: Validators): Answer {
  const { status, body, fields, close } = answer;
  const asked = headers.range;
  if (asked === undefined || status !== 200 || !(body instanceof FileBody)) return answer;
  if (!mayBePartial(headers['if-range'], validators)) return answer;
  const range = chooseRange(asked, body.size);
  if (range === undefined) return answer;
  if (range === 'unsatisfiable') return unsatisfiable(body.size, close);
  const { first, last } = range;
  return {
    status: 206,
    fields: deriveFields(fields, () => true, ['Content-Range', `bytes ${first}-${last}/${body.size}`]),
    body: body.slice(first, last + 1),
    contentLength: last + 1 - first,
    close,
  };
}

function unsatisfiable(size: number, close: boolean): Answer {
  const answer = errorAnswer(new JackfieldError('RANGE_NOT_SATISFIABLE'));
  const fields = deriveFields(answer.fields, () => true, ['Content-Range', `bytes */${size}`]);
  return { ...answer, fields, close };
}

/**
 * For handlers that change something, or that want to know before they work: evaluates the conditions of a request.
 * @param current What tells the present state of the resource; undefined where there is none.
 * @returns false only for GET and HEAD where the client has what it asks for: answer 304.
 * Errors: PRECONDITION_FAILED.
 */
export function precondition(request: Request, current?: CurrentState): boolean {
  if (current !== undefined) mustKnow(current, ['etag', 'lastModified'], 'The state of a resource');
  const { etag, lastModified } = current ?? {};
  if (lastModified !== undefined && !(lastModified instanceof Date))
    throw new TypeError('lastModified of the state of a resource must be a Date.');
  if (etag !== undefined && !isEntityTag(etag))
    throw new TypeError(`An entity tag needs quotes, as "1" or W/"1"; this one is ${etag}.`);
  const validators = current === undefined ? undefined : { etag, lastModified: lastModified?.getTime() };
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  // A dialect knows no conditions.
  if (request.dialect !== '') return true;
  const verdict = evaluatePreconditions(request.headers, validators, isRead);
  if (verdict === 'failed') throw new JackfieldError('PRECONDITION_FAILED');
  return verdict === 'perform';
}
