/**
 * Gives every request an id for answers, log lines and other plugins.
 * Source: the `X-Request-Id` field that proxies and services use (no RFC). Errors: none.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { definePlugin, type Request } from '../core/plugin-api.js';
import { requestId, setRequestId } from './shared/request-id.js';
import { TOKEN } from './shared/rules.js';

export { requestId, requestLog } from './shared/request-id.js';

/** The characters of other programs' ids. None of them can break out of a log line, a header or a query. */
const ID = /^[A-Za-z0-9._~:@+/=-]{1,128}$/;

export default definePlugin({
  name: 'request-id',
  options: z.strictObject({
    header: z
      .string()
      .regex(TOKEN, { error: 'expected the name of a field' })
      .default('X-Request-Id')
      .describe(
        'The field that carries the id, in answers and in the requests of clients that are believed.',
      ),
    acceptFrom: z
      .union([z.enum(['nobody', 'proxies', 'anyone']), z.array(z.string().min(1))])
      .default('nobody')
      .describe(
        "Whose ids are taken over: `nobody`'s; those that come through `proxies` of `trustedProxies`, which are to set the field themselves; `anyone`'s; or those of clients with these addresses, as `request.remoteAddress` has them (`unix` is a Unix socket), which behind a trusted proxy is never that of the proxy. An id is 1 to 128 letters, digits and `._~:@+/=-`; any other is replaced.",
      ),
  }),
  setup({ hook, options: { header, acceptFrom } }) {
    const name = header.toLowerCase();
    const isBelieved = ({ remoteAddress, trustedPeer }: Request): boolean => {
      if (acceptFrom === 'proxies') return trustedPeer !== undefined;
      if (typeof acceptFrom === 'string') return acceptFrom === 'anyone';
      return acceptFrom.includes(remoteAddress === '' ? 'unix' : remoteAddress);
    };

    const identify = (request: Request): string => {
      const known = requestId(request);
      if (known !== undefined) return known;
      const given = request.headers[name] ?? '';
      const id = isBelieved(request) && ID.test(given) ? given : randomUUID();
      setRequestId(request, id);
      return id;
    };

    hook('request', (request) => void identify(request));
    // A request to a host that is not allowed reaches only this hook.
    hook('response', (request, response) => ({
      ...response,
      headers: { ...response.headers, [name]: identify(request) },
    }));
  },
});
