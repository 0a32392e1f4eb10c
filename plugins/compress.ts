/**
 * Compresses answers for clients that accept it: brotli, gzip, deflate.
 * Source: RFC 9110 §8.4 (Content-Encoding), §12.5.3 (Accept-Encoding). Errors: none.
 *
 * It does not change answers that are encoded already, parts (206), answers with trailers, those of dialects, and those
 * that forbid it by `Cache-Control: no-transform` or by a digest of their octets.
 */
import { z } from 'zod';
import { definePlugin, type Request, type ResponseBody, type ResponseParts } from '../core/plugin-api.js';
import { CODINGS, type Coding, compressWhole, EncodedStream, type Levels } from './compress/codings.js';
import { typeMatcher } from './compress/types.js';
import { preferredCoding, refusesIdentity } from './shared/negotiation.js';
import { vary } from './shared/vary.js';

type Fields = Readonly<Record<string, string | readonly string[]>>;

export default definePlugin({
  name: 'compress',
  options: z.strictObject({
    codings: z
      .array(z.enum(CODINGS))
      .min(1)
      .default(['br', 'gzip', 'deflate'])
      .describe('The offered codings; among those that a client prefers equally, the first is used.'),
    thresholdOctets: z
      .int()
      .min(0)
      .default(1024)
      .describe(
        'Answers with fewer octets are not compressed, because below about one packet it saves nothing. Streams of unknown length are always compressed.',
      ),
    types: z
      .array(
        z.string().regex(/^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/, {
          error: 'expected a content type in lower case ("text/html", "text/*", "*/*+json")',
        }),
      )
      .min(1)
      .default([
        'text/*',
        'application/json',
        'application/javascript',
        'application/xml',
        'application/wasm',
        '*/*+json',
        '*/*+xml',
      ])
      .describe(
        'Content types that become smaller: a type, all of one kind (`text/`…), or all of one suffix (`+json`), see the default.',
      ),
    brotliQuality: z
      .int()
      .min(0)
      .max(11)
      .default(4)
      .describe('0 to 11: how hard brotli tries. Above 5 it takes much longer and saves little.'),
    level: z.int().min(1).max(9).default(6).describe('1 to 9: how hard gzip and deflate try.'),
  }),
  setup({ hook, options }) {
    const { codings, thresholdOctets } = options;
    const isCompressible = typeMatcher(options.types);
    const levels: Levels = { quality: options.brotliQuality, level: options.level };

    hook('response', (request, response) => {
      if (request.dialect !== '' || request.method === 'CONNECT') return undefined;
      const { headers } = response;
      const accept = request.headers['accept-encoding'];
      const coding = preferredCoding(accept, codings);
      if (response.status === 304) return notModified(response, headers, coding);
      const { body, status = 200, trailers } = response;
      if (body === undefined || body === '' || trailers !== undefined) return undefined;
      if (!isCompressible(textOf(headers['content-type'])) || mustStay(headers)) return undefined;
      const isSmall = (sizeOf(body) ?? Number.POSITIVE_INFINITY) < thresholdOctets;
      // A cache must not give one client an answer that only another can read, whichever of the two came first.
      const varied = { ...headers, vary: vary(headers.vary, 'Accept-Encoding') };
      // A part has the Vary field that the whole would have (RFC 9110 §15.3.7).
      if (status === 206 || headers['content-range'] !== undefined) return { ...response, headers: varied };
      if (coding === undefined || (isSmall && !refusesIdentity(accept)))
        return { ...response, headers: varied };
      const encoded = encodedFields(varied, coding);
      return send(request, { ...response, headers: encoded }, body, coding, levels);
    });
  },
});

/** HEAD gets the fields of GET except the length, which is unknown until the body is compressed. */
function send(
  { method }: Request,
  response: ResponseParts,
  body: ResponseBody,
  coding: Coding,
  levels: Levels,
): ResponseParts | Promise<ResponseParts> {
  const isWhole = typeof body === 'string' || body instanceof Uint8Array;
  if (!isWhole || method === 'HEAD')
    return { ...response, body: new EncodedStream(isWhole ? only(body) : body, coding, levels) };
  return compressWhole(body, coding, levels).then((octets) => ({ ...response, body: octets }));
}

async function* only(body: string | Uint8Array): AsyncGenerator<string | Uint8Array, void, undefined> {
  yield body;
}

function encodedFields(headers: Fields, coding: Coding): Fields {
  const { 'accept-ranges': _, etag, ...kept } = headers;
  return { ...kept, ...(etag === undefined ? {} : { etag: weak(etag) }), 'content-encoding': coding };
}

/** A cache finds its stored answer by the tag, and it stored the compressed answer. */
function notModified(
  response: ResponseParts,
  headers: Fields,
  coding: Coding | undefined,
): ResponseParts | undefined {
  const { etag } = headers;
  if (etag === undefined) return undefined;
  const tag = coding === undefined ? etag : weak(etag);
  return { ...response, headers: { ...headers, etag: tag, vary: vary(headers.vary, 'Accept-Encoding') } };
}

/**
 * The content is equal, but the octets are not (RFC 9110 §8.8.3.3). A value that is not a single entity tag stays
 * unchanged: nobody can compare it, and `W/` would not make it a tag.
 */
function weak(etag: string | readonly string[]): string | readonly string[] {
  const tag = textOf(etag);
  return /^"[^"]*"$/.test(tag) ? `W/${tag}` : etag;
}

/** Fields that describe the exact octets. */
const BOUND: readonly string[] = [
  'content-encoding',
  'content-digest',
  'repr-digest',
  'digest',
  'content-md5',
];

function mustStay(headers: Fields): boolean {
  if (BOUND.some((name) => headers[name] !== undefined)) return true;
  return /(?:^|,)[ \t]*no-transform[ \t]*(?:,|$)/i.test(textOf(headers['cache-control']));
}

/** Undefined if the size is unknown. Files report it, other streams do not. */
function sizeOf(body: ResponseBody): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.length;
  return 'size' in body && typeof body.size === 'number' ? body.size : undefined;
}

function textOf(value: string | readonly string[] | undefined): string {
  return [value ?? []].flat().join(', ');
}
