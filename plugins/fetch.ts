/**
 * Mounts applications written for the web standard, `(request: Request) => Response`, such as those of Hono: every
 * method below a prefix goes to one application.
 * Source: the Fetch Standard (https://fetch.spec.whatwg.org/). Errors: METHOD_UNSUPPORTED for a method that a web
 * `Request` refuses or rewrites; NOT_FOUND for a path that a URL would change (`/a/../b`); HOST_NOT_ALLOWED for a host
 * that no URL can have.
 */
import { z } from 'zod';
import {
  definePlugin,
  type Handler,
  type Request as Incoming,
  JackfieldError,
  type Log,
  type ResponseValue,
  type Storage,
} from '../core/plugin-api.js';
import { webRequest } from './fetch/light-request.js';
import { answerOf, replaceResponse } from './fetch/light-response.js';
import { EventsWhileWanted, isEventStream } from './shared/event-stream.js';
import { defaultExport } from './shared/load-module.js';
import { behind, mountPlace, prefixSchema, queryOf, staysInPlace } from './shared/mount.js';

/** The second argument of an application; in Hono it is `c.env`. */
export interface FetchEnv {
  /** The request of jackfield: `remoteAddress`, `params`, and the values that other plugins added. */
  readonly request: Incoming;
  readonly storage: Storage;
  readonly log: Log;
  /** Aborted when the server begins to stop. */
  readonly signal: AbortSignal;
}

export type FetchApplication = (request: Request, env: FetchEnv) => Response | Promise<Response>;

const mountSchema = z.strictObject({
  module: z
    .string()
    .min(1)
    .describe(
      'The module of the application: its default export is `(request) => Response`, or an object with this function as `fetch`.',
    ),
  prefix: prefixSchema
    .default('/')
    .describe('The path prefix of the application: `/` for all paths, or for example `/app`.'),
  stripPrefix: z.boolean().default(false).describe('Whether the application sees paths without the prefix.'),
  maxBodyOctets: z
    .int()
    .min(0)
    .optional()
    .describe('The largest body in octets. Default: `limits.maxBodyOctets`.'),
});

export default definePlugin({
  name: 'fetch',
  options: z.strictObject({
    mounts: z.array(mountSchema).min(1).describe('The applications with their paths.'),
  }),
  async setup({ handle, folder, prefix: entryPrefix, storage, log, signal, options }) {
    replaceResponse();
    for (const { module, prefix, stripPrefix, maxBodyOctets } of options.mounts) {
      const application = applicationIn(await defaultExport(module, folder), module);
      const { base, patterns } = mountPlace(entryPrefix, prefix);
      // The prefix of the entry belongs to the configuration: it moves an application, which does not see it.
      const hidden = stripPrefix ? base : entryPrefix;
      const answer: Handler = (request) => {
        const env = { request, storage, log, signal };
        const response = application(toWebRequest(request, hidden), env);
        if (!(response instanceof Promise)) return whileWanted(response, request, signal);
        return response.then((late) => whileWanted(late, request, signal));
      };
      for (const pattern of patterns)
        handle('*', pattern, answer, maxBodyOctets === undefined ? {} : { maxBodyOctets });
    }
  },
});

/** Cancels an event stream as soon as its client is gone or the server stops, not with the next event. */
function whileWanted(response: Response, { clientEnded }: Incoming, stopping: AbortSignal): ResponseValue {
  if (!(response instanceof Response)) return response;
  const answer = answerOf(response);
  if (answer !== response) return answer;
  const { status, headers, body } = response;
  if (body === null || !isEventStream(headers.get('content-type'))) return response;
  return { status, headers, body: new EventsWhileWanted(body, clientEnded, stopping) };
}

function applicationIn(exported: unknown, module: string): FetchApplication {
  // The cast: a check at run time cannot see that it accepts a Request.
  if (typeof exported === 'function') return exported as FetchApplication;
  if (typeof exported === 'object' && exported !== null && 'fetch' in exported) {
    const { fetch } = exported;
    if (typeof fetch === 'function') return (request, env) => Reflect.apply(fetch, exported, [request, env]);
  }
  throw new Error(
    `The module ${JSON.stringify(module)} has no application as its default export: (request) => Response, or { fetch }.`,
  );
}

/** @param hidden The part of the path that the application does not see; `''` for none. */
function toWebRequest(incoming: Incoming, hidden: string): Request {
  const { path, target, protocol, host } = incoming;
  // `new URL` would resolve these segments, and so bypass plugins that guard the original path.
  if (!staysInPlace(path)) throw new JackfieldError('NOT_FOUND');
  const rest = (behind(hidden, path) || '/') + queryOf(target);
  const origin = originOf(protocol, host === '' ? 'localhost' : host);
  // Most need no parser: these characters mean the same in a URL, as they are.
  return webRequest(
    incoming,
    origin + (PLAIN.test(rest) ? rest : new URL(origin + rest).href.slice(origin.length)),
  );
}

const PLAIN = /^[A-Za-z0-9\-._~!$&()*+,;=:@%/?]*$/;
const ORIGINS_AT_MOST = 1_000;
const origins = new Map<string, string>();

/** Errors: HOST_NOT_ALLOWED for a host that no URL can have, such as `999.999.999.999`. */
function originOf(protocol: string, host: string): string {
  const key = `${protocol}://${host}`;
  const known = origins.get(key);
  if (known !== undefined) return known;
  if (!URL.canParse(key)) throw new JackfieldError('HOST_NOT_ALLOWED', host);
  const { origin } = new URL(key);
  // The host of a request is text of its client, and would keep the whole head in memory.
  if (origins.size < ORIGINS_AT_MOST) origins.set(Buffer.from(key).toString(), origin);
  return origin;
}
