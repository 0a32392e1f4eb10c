/** Handlers with a `state` option: conditions are evaluated before they run, RFC 9110 §13.2. */
import type { HandleOptions, Handler } from '../api/plugin.js';
import type { Request } from '../api/request.js';
import { precondition } from './conditional.js';

/** For GET and HEAD the answer has the validators; the others select or change nothing (§13.2.1). */
const UNCONDITIONAL = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']);

export function whileConditionsHold(handler: Handler, state: NonNullable<HandleOptions['state']>): Handler {
  return (request) => {
    if (UNCONDITIONAL.has(request.method) || !hasCondition(request)) return handler(request);
    const current = state(request);
    if (!(current instanceof Promise)) {
      precondition(request, current);
      return handler(request);
    }
    return current.then((settled) => {
      precondition(request, settled);
      return handler(request);
    });
  };
}

/** If-Modified-Since applies only to GET and HEAD (§13.1.3), If-Range only to Range (§13.1.5). */
function hasCondition({ headers, dialect }: Request): boolean {
  if (dialect !== '') return false;
  return (
    headers['if-match'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['if-unmodified-since'] !== undefined
  );
}
