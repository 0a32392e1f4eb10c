/**
 * The classic protocol: almost HTTP, but the address is in the Host field as `host/path`.
 * Source: the clients of a key-value service of 2022, which must run unchanged. RFC 9112 §3.2 calls such a Host
 * invalid, so no standard request changes its meaning. The numbered rules are those of the protocol.
 */

import {
  type ClaimedHead,
  type DialectAnswer,
  type DialectContext,
  type DialectWrite,
  definePlugin,
  lazyOptions,
  reasonPhrase,
} from '../core/plugin-api.js';
import { isTimeZone, timeWriter } from './classic/zoned-time.js';

interface Address {
  readonly host: string;
  /** The first segment after the host; `''` for the root. */
  readonly path: string;
}

/** In the answer to a request without an address. */
const NO_ADDRESS: Address = { host: '?', path: '?' };
/** The characters of a path segment, including escapes (RFC 3986 §3.3). */
const SEGMENT = /^[0-9A-Za-z._~!$&'()*+,;=:@%-]+$/;
const HOST_WITH_PORT = /^(\[[^\]]*\]|[^:]*):(\d{0,5})$/;

/** The time zone of the authors of the first clients. */
const SEOUL = { timeZone: 'Asia/Seoul', zoneLabel: 'KST' };

export default definePlugin({
  name: 'classic',
  options: lazyOptions(
    (z) =>
      z.strictObject({
        timeZone: z
          .string()
          .refine(isTimeZone, 'not an IANA time zone such as "Asia/Seoul"')
          .default(SEOUL.timeZone)
          .describe('IANA name of the time zone of the Date field, whatever the time zone of the server.'),
        zoneLabel: z
          .string()
          .regex(/^[!-~]+$/, 'not one word of visible ASCII such as "KST"')
          .default(SEOUL.zoneLabel)
          .describe('The label after the time, instead of GMT.'),
      }),
    (given) => (Object.keys(given).length === 0 ? SEOUL : undefined),
  ),
  setup({ dialect, options: { timeZone, zoneLabel } }) {
    const timeOf = timeWriter(timeZone);
    dialect({
      name: 'classic',
      // The original clients end one line in a bare LF: of Connection, of Content-Length, or the empty line.
      allowsBareLf: (host) => host.includes('/'),
      claim({ method, rawHeaders }, context) {
        const value = onlyHost(rawHeaders);
        if (value === undefined || !value.includes('/')) return undefined;
        const address = addressOf(value);
        return {
          dialect: 'classic',
          ...(address === undefined ? {} : { host: address.host }),
          ...routeOf(method, address, context),
          write: (answer) =>
            write(method, address ?? NO_ADDRESS, answer, `${timeOf(answer.date)} ${zoneLabel}`),
        };
      },
    });
  },
});

/** Rules 1 to 3 are answered here, in this order; the plugins at the path answer the others. */
function routeOf(
  method: string,
  address: Address | undefined,
  context: DialectContext,
): Pick<ClaimedHead, 'path' | 'answer'> {
  const refuse = (status: number, body: string) => ({ path: '/', answer: { status, body } });
  if (address === undefined) return refuse(404, 'Invalid Address(url)');
  const path = pathFor(method, address.path, context);
  // A handler for all methods accepts methods that no plugin names.
  if (!context.hasMethod(method) && !context.hasHandler(method, path))
    return refuse(405, 'Method not allowed');
  if (!context.isAllowedHost(withoutPort(address.host))) {
    return refuse(400, `Not allowed host: ${address.host}`);
  }
  return { path };
}

/** A path that no plugin handles counts as the root: GET lists the entries on each (rule 7). */
function pathFor(method: string, segment: string, context: DialectContext): string {
  if (!isSegment(segment)) return '/';
  const path = `/${segment}`;
  // HEAD has a handler on every path, which looks for GET's. So only GET shows whether a plugin handles the path.
  const asked = method === 'HEAD' && context.hasMethod('GET') ? 'GET' : method;
  return context.hasHandler(asked, path) ? path : '/';
}

/** A Host field may contain text that no target can; plugins must never see it in a path. */
function isSegment(text: string): boolean {
  try {
    return SEGMENT.test(text) && decodeURIComponent(text) !== '';
  } catch {
    return false; // A URIError: a malformed escape, or octets that are no UTF-8.
  }
}

function write(method: string, address: Address, answer: DialectAnswer, date: string): DialectWrite {
  // Rule 11: closing the connection is the whole answer.
  if (method === 'END' && answer.status === 204) return { head: '', withBody: false, close: true };
  // Rule 6: 100 is a final status here. This is not HTTP: the answer to a refused HEAD does have its sentence as a
  // body.
  const continues = method === 'HEAD' && answer.status >= 200 && answer.status <= 299;
  const status = continues ? 100 : answer.status;
  const head = [
    `HTTP/1.1 ${status} ${reasonPhrase(status)
      .toUpperCase()
      .replaceAll(/[^A-Z]+/g, '_')}`,
    `Host: ${address.host}/${address.path}`,
    'Content-Type: text/html',
    // Always sent, since clients compare octets; the core still decides whether the connection stays open.
    'Connection: keep-alive',
    `Content-Length: ${continues ? 0 : answer.contentLength}`,
    `Date: ${date}`,
    '\r\n',
  ];
  return { head: head.join('\r\n'), withBody: !continues, close: false };
}

/** The value of the Host field if there is exactly one. */
function onlyHost(rawHeaders: readonly string[]): string | undefined {
  let value: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'host') continue;
    if (value !== undefined) return undefined;
    value = rawHeaders[at + 1];
  }
  return value;
}

/** `host/path/whatever` → host and path; `undefined` if it is not an address (rule 1). */
function addressOf(value: string): Address | undefined {
  const [host = '', path = ''] = value.split('/', 2);
  return host === '' || value.includes('?') ? undefined : { host, path };
}

function withoutPort(host: string): string {
  const [, name = '', port = ''] = HOST_WITH_PORT.exec(host) ?? [];
  return name !== '' && Number(port) <= 65_535 ? name : host;
}
