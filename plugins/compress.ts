/**
 * Compresses answers for clients that accept it: brotli, zstd, gzip, deflate.
 * Source: RFC 9110 §8.4 (Content-Encoding), §12.5.3 (Accept-Encoding), RFC 8878 (zstd). Errors: none.
 *
 * It does not change small answers, answers that are encoded already, parts (206), those of dialects, and those that
 * forbid it by `Cache-Control: no-transform` or by a digest of their octets.
 */
import { z } from 'zod';
import {
  definePlugin,
  type MaybePromise,
  type Request,
  type ResponseParts,
  type ShownResponse,
} from '../core/plugin-api.js';
import { CODINGS, type Coding, Encoder, isAvailable } from './compress/codings.js';
import { EncodedStream } from './compress/encoded-stream.js';
import { typeMatcher } from './compress/types.js';
import { codingOrder, refusesIdentity } from './shared/negotiation.js';
import { vary } from './shared/vary.js';

type Fields = Readonly<Record<string, string | readonly string[]>>;

export default definePlugin({
  name: 'compress',
  options: z.strictObject({
    codings: z
      .array(z.enum(CODINGS))
      .refine((codings) => codings.some(isAvailable), {
        error: 'expected a coding that this version of Node.js has (zstd: from 22.15 and 23.8)',
      })
      .default(['br', 'zstd', 'gzip', 'deflate'])
      .describe(
        'The offered codings; among those that a client prefers equally, the first is used. zstd needs Node.js 22.15 or 23.8; before, it is left out.',
      ),
    thresholdOctets: z
      .int()
      .min(0)
      .default(1024)
      .describe(
        'Answers with fewer octets are left as they are, because below about one packet compression saves nothing. Streams of unknown length are always compressed.',
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
        'application/yaml',
        'application/node',
        'application/toml',
        'application/vnd.apple.mpegurl',
        'font/otf',
        'font/ttf',
        '*/*+json',
        '*/*+xml',
        '*/*+yaml',
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
    const codingFor = codingOrder(codings.filter(isAvailable));
    const encoder = new Encoder({ quality: options.brotliQuality, level: options.level });

    hook('response', (request, response) => {
      if (request.dialect !== '' || request.method === 'CONNECT') return undefined;
      const { body, status = 200, trailers } = response;
      if (status === 304) return notModified(request, response, codingFor);
      const isHead = request.method === 'HEAD';
      // HEAD is answered as GET would be, also by a handler that has no content for it.
      if (status === 204 || status === 205 || (body === undefined && !isHead)) return undefined;
      const accept = request.headers['accept-encoding'];
      const octets = lengthOf(response);
      // A small answer is the same for every client, so it has no Vary either.
      if (octets === 0 || (octets !== undefined && octets < thresholdOctets && !refusesIdentity(accept)))
        return undefined;
      const { headers } = response;
      if (!isCompressible(textOf(headers['content-type'])) || mustStay(headers, trailers)) return undefined;
      // A cache must not give one client an answer that only another can read, whichever of the two came first.
      const varied = { ...response, headers: { ...headers, vary: vary(headers.vary, 'Accept-Encoding') } };
      const coding = codingFor(accept)[0];
      // A part has the Vary field that the whole would have (RFC 9110 §15.3.7).
      if (coding === undefined || status === 206 || headers['content-range'] !== undefined) return varied;
      const encoded = {
        ...varied,
        headers: encodedFields(varied.headers, coding),
        ...(typeof trailers === 'function' ? { trailers: withoutDigests(trailers) } : {}),
      };
      const isWhole = typeof body === 'string' || body instanceof Uint8Array;
      // HEAD gets the fields of GET except the length, which is unknown until the body is compressed.
      if (isHead || !isWhole) {
        const source = isWhole || body === undefined ? nothing() : body;
        return { ...encoded, body: new EncodedStream(source, coding, encoder, response.contentLength) };
      }
      const sent = (coded: Uint8Array): ResponseParts =>
        coded.length < (octets ?? 0) || refusesIdentity(accept) ? { ...encoded, body: coded } : varied;
      const coded = encoder.whole(body, coding, () => request.signal.aborted);
      return coded instanceof Promise ? coded.then(sent) : sent(coded);
    });
  },
});

async function* nothing(): AsyncGenerator<never, void, undefined> {}

/** Of the whole content, in octets; undefined if it is unknown. */
function lengthOf({ status, headers, body, contentLength }: ShownResponse): number | undefined {
  if (status === 206) {
    const [, total] = /\/([0-9]+)$/.exec(textOf(headers['content-range'])) ?? [];
    return total === undefined ? undefined : Number(total);
  }
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : contentLength;
}

function encodedFields(headers: Fields, coding: Coding): Fields {
  const { 'accept-ranges': _, etag, ...kept } = headers;
  return { ...kept, ...(etag === undefined ? {} : { etag: weak(etag) }), 'content-encoding': coding };
}

/**
 * The type and length of the content are unknown here, so whether it would be compressed is seen from the tag that the
 * client has. A cache finds its stored answer by that tag.
 */
function notModified(
  { headers: asked }: Request,
  response: ShownResponse,
  codingFor: (accept: string | undefined) => readonly Coding[],
): ResponseParts {
  const { etag, ...headers } = response.headers;
  const varied: Fields = { ...headers, vary: vary(headers.vary, 'Accept-Encoding') };
  if (etag === undefined) return { ...response, headers: varied };
  const isEncoded =
    codingFor(asked['accept-encoding']).length > 0 &&
    asked['if-none-match']?.includes(`W/${textOf(etag)}`) === true;
  return { ...response, headers: { ...varied, etag: isEncoded ? weak(etag) : etag } };
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

function mustStay(headers: Fields, trailers: ResponseParts['trailers']): boolean {
  if (BOUND.some((name) => headers[name] !== undefined)) return true;
  if (typeof trailers === 'object' && Object.keys(trailers).some(isBound)) return true;
  return /(?:^|,)[ \t]*no-transform[ \t]*(?:,|$)/i.test(textOf(headers['cache-control']));
}

function isBound(name: string): boolean {
  return BOUND.includes(name.toLowerCase());
}

/** Trailers that are known only after the body, as those of a proxied response. A digest in them would be wrong. */
function withoutDigests(
  trailers: () => MaybePromise<Readonly<Record<string, string>>>,
): () => Promise<Record<string, string>> {
  return async () => Object.fromEntries(Object.entries(await trailers()).filter(([name]) => !isBound(name)));
}

function textOf(value: string | readonly string[] | undefined): string {
  return [value ?? []].flat().join(', ');
}
