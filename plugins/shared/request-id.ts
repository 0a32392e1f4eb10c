/** The id of a request: `request-id` sets it, `access-log` and others read it. */
import { type Log, logFields, type Request, requestState } from '../../core/plugin-api.js';

const ids = requestState<string>('jackfield:request-id');

/** The id that `request-id` gave to this request; undefined if that plugin has not seen it. */
export function requestId(request: Request<unknown>): string | undefined {
  return ids.get(request);
}

/** A log whose lines contain the id of this request. */
export function requestLog(request: Request<unknown>, log: Log): Log {
  const id = ids.get(request);
  return id === undefined ? log : log.child({ requestId: id });
}

/** Adds the id also to the lines that the core logs about this request. */
export function setRequestId(request: Request<unknown>, id: string): void {
  ids.set(request, id);
  logFields.set(request, { ...logFields.get(request), requestId: id });
}
