/** Forwards one exchange: rewrites the request and returns the answer. */
import {
  JackfieldError,
  type Request,
  type ResponseParts,
  type ResponseValue,
  requestedProtocols,
} from '../../core/plugin-api.js';
import { EventsWhileWanted, isEventStream } from '../shared/event-stream.js';
import { behind, queryOf, staysInPlace } from '../shared/mount.js';
import { interimFields, requestFields, responseFields, trailerFields } from './fields.js';
import { joinStreams } from './join-streams.js';
import type { Mount } from './mount.js';
import type { InterimMessage, Switched, Upstream, UpstreamResponse } from './upstream.js';

/** @param hidden The part of the path that the upstream does not see; `''` for none. */
export async function passOn(
  request: Request,
  upstream: Upstream,
  mount: Mount,
  hidden: string,
): Promise<ResponseValue> {
  const { method, headers } = request;
  // Node's client would write it in capitals, which is another method.
  if (method !== method.toUpperCase()) throw new JackfieldError('METHOD_UNSUPPORTED', method);
  if (!staysInPlace(request.path)) throw new JackfieldError('NOT_FOUND');
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const asked = mount.upgrade && !hasBody ? requestedProtocols(request) : [];
  const host = mount.host === 'upstream' || request.host === '' ? upstream.host : request.host;
  const answer = await upstream.send({
    method,
    path: upstream.basePath + (behind(hidden, request.path) || '/') + queryOf(request.target),
    headers: requestFields(request, mount, hidden, host, asked.length > 0 ? headers.upgrade : undefined),
    body: hasBody ? request.body : undefined,
    trailers: () =>
      trailerFields(Object.entries(request.trailers).flatMap(([name, value]) => [name, value ?? ''])),
    signal: request.signal,
    informed: (interim) => inform(request, interim),
  });
  const locate = (location: string): string => upstream.located(location, hidden);
  return 'early' in answer
    ? switched(request, answer, asked, mount.via)
    : given(request, answer, mount.via, locate);
}

function inform(request: Request, { statusCode, rawHeaders }: InterimMessage): void {
  // 100 is sent by this server itself, and 101 is not an interim response.
  if (statusCode < 102 || statusCode > 199) return;
  try {
    request.inform({ status: statusCode, headers: interimFields(rawHeaders) });
  } catch {
    // Interim responses are optional, so an invalid one is dropped.
  }
}

function given(
  { method, clientEnded }: Request,
  answer: UpstreamResponse,
  via: string,
  locate: (location: string) => string,
): ResponseValue {
  const { statusCode: status = 0, rawHeaders } = answer;
  const headers = fieldsOf(answer, () => {
    if (status < 200 || status > 599) throw new TypeError(`The status of the upstream is ${status}.`);
    const fields = responseFields(rawHeaders, status, via, locate);
    if (status === 426 && !fields.has('upgrade')) throw new TypeError('Its 426 answer has no Upgrade field.');
    return fields;
  });
  if (method === 'HEAD' || status === 204 || status === 205 || status === 304) {
    answer.resume();
    if (status === 204 || status === 205) headers.delete('content-length');
    return { status, headers };
  }
  // For parts without a content type, the core adds one for octets; the upstream did not say that.
  if (!headers.has('content-type')) return new Response(toWeb(answer), { status, headers });
  const body = isEventStream(headers.get('content-type'))
    ? new EventsWhileWanted(answer, clientEnded)
    : answer;
  const parts: ResponseParts = { status, headers, body };
  // An answer with a length has no place for trailers.
  if (headers.has('content-length')) return parts;
  return { ...parts, trailers: () => trailerFields(answer.rawTrailers) };
}

/** A stream of `ReadableStream.from` could not be cancelled while it waits for the upstream. */
function toWeb(answer: UpstreamResponse): ReadableStream<Uint8Array> {
  const parts = answer[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await parts.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => {
      answer.destroy();
    },
  });
}

function switched(
  request: Request,
  { head, socket, early }: Switched,
  asked: readonly string[],
  via: string,
): ResponseParts {
  const headers = fieldsOf(socket, () => {
    const fields = responseFields(head.rawHeaders, 101, via, (location) => location);
    const chosen = (fields.get('upgrade') ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim());
    if (!chosen.every((name) => asked.includes(name)))
      throw new TypeError(`The upstream switched to ${chosen.join(', ')}, which the client did not request.`);
    for (const name of ['content-length', 'date']) fields.delete(name);
    return fields;
  });
  const letGo = (): void => {
    socket.destroy();
  };
  // Until the connection is taken over, nobody else closes it.
  request.signal.addEventListener('abort', letGo, { once: true });
  return {
    status: 101,
    headers,
    takeOver: (stream) => {
      request.signal.removeEventListener('abort', letGo);
      if (early.length > 0) socket.unshift(early);
      joinStreams(stream, socket);
    },
  };
}

/** An invalid answer is not returned, and its connection is not used again. Errors: UPSTREAM_INVALID. */
function fieldsOf(from: { destroy(): unknown }, read: () => Headers): Headers {
  try {
    return read();
  } catch (cause) {
    from.destroy();
    throw new JackfieldError('UPSTREAM_INVALID', '', { cause });
  }
}
