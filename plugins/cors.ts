/**
 * Allows web pages of other origins to use this server: answers the preflight requests of browsers and adds the fields
 * that allow a page to read an answer.
 * Source: the Fetch Standard (https://fetch.spec.whatwg.org/#http-cors-protocol). Errors: none; a page
 * that is not allowed gets an answer without these fields, and its browser hides it from the page.
 */
import { z } from 'zod';
import { definePlugin, type Request } from '../core/plugin-api.js';
import { isOrigin, originMatcher } from './cors/origins.js';
import { methodSchema, TOKEN } from './shared/rules.js';

const fieldName = z.string().regex(TOKEN, { error: 'expected the name of a field' });

const originSchema = z.union([
  z.string().refine(isOrigin, {
    error:
      'expected an origin as browsers send it: scheme, host, port unless usual, no path ("https://a.example")',
  }),
  z.strictObject({
    pattern: z
      .string()
      .refine(isRegExp, { error: 'expected a regular expression' })
      .describe('A regular expression; the whole origin must match. Write dots as `\\.`'),
  }),
]);

export default definePlugin({
  name: 'cors',
  options: z
    .strictObject({
      origins: z
        .union([z.literal('*'), z.array(originSchema).min(1)])
        .describe(
          'The origins whose pages may read answers: a list of origins and patterns, or `"*"` for all origins, which is not allowed with credentials. `"null"` in the list is the origin of files and sandboxed frames; any page can have it.',
        ),
      credentials: z.boolean().default(false).describe('Whether pages may send cookies and `Authorization`.'),
      methods: z
        .array(methodSchema)
        .min(1)
        .optional()
        .describe('The methods that pages may use. Default: those of the path.'),
      headers: z
        .union([z.literal('any'), z.array(fieldName)])
        .default(['Content-Type'])
        .describe('The request fields that pages may send, in addition to those always allowed, or `"any"`.'),
      exposedHeaders: z
        .array(fieldName)
        .default([])
        .describe('The response fields that pages may read, in addition to those always allowed.'),
      maxAgeSeconds: z
        .int()
        .min(0)
        .max(86_400)
        .default(600)
        .describe(
          'Seconds for which a browser keeps the answer to a preflight. Chrome keeps it for at most 7,200.',
        ),
    })
    .refine(({ origins, credentials }) => origins !== '*' || !credentials, {
      path: ['credentials'],
      error: 'with origins "*" every page on the web could act for your users; list the origins instead',
    }),
  setup({ hook, allowedMethods, options }) {
    const { origins, credentials, exposedHeaders } = options;
    const isAllowed = origins === '*' ? () => true : originMatcher(origins);
    const exposed = exposedHeaders.join(', ');

    // A request that a preflight would allow may also come without one, as from a form.
    hook('crossSite', ({ method, headers }) => {
      const { origin, cookie, authorization } = headers;
      if (options.methods?.includes(method) === false) return false;
      if (origins !== '*' && (origin === undefined || !isAllowed(origin))) return false;
      // Without `credentials`, no page may act for a user: these fields were added by the browser itself.
      return (
        credentials || (cookie === undefined && (authorization === undefined || maySend('authorization')))
      );
    });

    function maySend(name: string): boolean {
      return options.headers === 'any' || options.headers.some((one) => one.toLowerCase() === name);
    }

    hook('request', (request) => {
      const { origin } = request.headers;
      const method = request.headers['access-control-request-method'];
      if (request.method !== 'OPTIONS' || request.dialect !== '') return undefined;
      if (origin === undefined || method === undefined) return undefined;
      // Answered here before any credentials are checked, and on paths without OPTIONS too: preflights have no
      // credentials (Fetch §3.3.5). The hook `fields` adds its fields to this answer too.
      return { status: 204, headers: isAllowed(origin) ? preflight(request, method) : {} };
    });

    function preflight({ path, headers }: Request, asked: string): Record<string, string> {
      const methods = options.methods ?? methodsAt(path, asked);
      const wanted = headers['access-control-request-headers'] ?? '';
      const fields = options.headers === 'any' ? wanted : options.headers.join(', ');
      return {
        ...(methods.length === 0 ? {} : { 'access-control-allow-methods': methods.join(', ') }),
        ...(isListOfNames(fields) ? { 'access-control-allow-headers': fields } : {}),
        'access-control-max-age': String(options.maxAgeSeconds),
      };
    }

    function methodsAt(path: string, asked: string): readonly string[] {
      const methods = allowedMethods(path);
      if (!methods.includes('*')) return methods;
      return TOKEN.test(asked) ? [asked] : [];
    }

    hook('fields', ({ method, headers }) => {
      const { origin } = headers;
      // With `*` the answer is the same for every origin, so that a cache can give it to all.
      const isAllowedOne = origins === '*' || (origin !== undefined && isAllowed(origin));
      const fields: Record<string, string> = {};
      if (isAllowedOne) {
        fields['access-control-allow-origin'] = origins === '*' ? '*' : (origin ?? '*');
        if (credentials) fields['access-control-allow-credentials'] = 'true';
        const isPreflight = method === 'OPTIONS' && 'access-control-request-method' in headers;
        if (!isPreflight && exposed !== '') fields['access-control-expose-headers'] = exposed;
      }
      // A cache must not give one origin the answer of another origin, or of a request without one.
      if (origins !== '*') fields.vary = 'Origin';
      return fields;
    });
  },
});

function isListOfNames(text: string): boolean {
  return text !== '' && text.split(',').every((name) => TOKEN.test(name.trim()));
}

function isRegExp(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
}
