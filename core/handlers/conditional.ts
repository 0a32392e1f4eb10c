/**
 * Answers with a validator (ETag, Last-Modified) are conditional: the client may get 304 or a part. Content that is not
 * sent is not read either. RFC 9110 §13.2.2.
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

/** The answer of a handler to GET or HEAD, after the conditions of the request are applied. */
export function conditional(request: Request, answer: Answer, validators: Validators): Answer {
  const { method, headers } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  // Conditions apply only to answers that would be a success (§13.2.1); dialects have no conditions.
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
 * Fields that describe the omitted content: §15.4.5 does not ask for them, and a cache would overwrite its own. All
 * other fields stay, also those that the RFC does not ask for, such as security and cross-origin headers.
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

/** Only a file can be read in part. For other bodies Range is ignored, which §14.2 allows. */
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
 * Evaluates the conditions of a request, for handlers that change something or want to check before they work.
 * @param current Validators of the resource; undefined if it does not exist.
 * @returns false only for GET and HEAD if the client's copy is current: answer 304.
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
  // Dialects have no conditions.
  if (request.dialect !== '') return true;
  const verdict = evaluatePreconditions(request.headers, validators, isRead);
  if (verdict === 'failed') throw new JackfieldError('PRECONDITION_FAILED');
  return verdict === 'perform';
}
