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
      .describe('The field with the id, in answers and in requests of trusted clients.'),
    acceptFrom: z
      .union([z.enum(['nobody', 'proxies', 'anyone']), z.array(z.string().min(1))])
      .default('nobody')
      .describe(
        'Whose ids are kept: `nobody`; `proxies`, requests that come through a proxy in `trustedProxies`, which must set the field itself; `anyone`; or a list of client addresses as in `request.remoteAddress` (`unix` is a Unix socket), which behind a trusted proxy is never the address of the proxy. An id has 1 to 128 letters, digits and `._~:@+/=-`; any other id is replaced.',
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
    hook('fields', (request) => ({ [name]: identify(request) }));
  },
});
