/** Max-Forwards, RFC 9110 §7.6.2: how many more proxies may forward an OPTIONS or TRACE request. */
import type { Request, ResponseParts } from '../../core/plugin-api.js';

/** @returns undefined if nothing limits the forwarding of this request. */
export function maxForwardsOf(method: string, headers: Request['headers']): number | undefined {
  if (method !== 'OPTIONS' && method !== 'TRACE') return undefined;
  const value = headers['max-forwards'];
  return value !== undefined && /^[0-9]{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Fields that would give secrets of the client to a script that can read the answer (RFC 9110 §9.3.8). */
const SECRET = /^(?:authorization|proxy-authorization|cookie)$/;

/** The answer of the proxy itself, which is the last recipient. TRACE returns the request (RFC 9110 §9.3.8). */
export function ownAnswer({ method, target, httpVersion, headers }: Request): ResponseParts {
  if (method !== 'TRACE') return { status: 204 };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    SECRET.test(name) ? [] : [`${name}: ${value}\r\n`],
  );
  const body = Buffer.from(`${method} ${target} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`, 'latin1');
  return { headers: { 'Content-Type': 'message/http' }, body };
}
