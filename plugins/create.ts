/**
 * POST `/create`: stores pairs under new keys, all of them or none.
 * Source: the classic protocol, rules 4 and 8. Errors: 400 for a body without valid pairs and for a key that exists,
 * 404 for another method, 412 for a condition on a state, 415 for a multipart form or a compressed body, and those of
 * the store.
 */
import { definePlugin, precondition, type ResponseParts } from '../core/plugin-api.js';
import { ofClient } from './shared/of-client.js';
import { readPairs } from './shared/pairs.js';

const WRONG_METHOD: ResponseParts = {
  status: 404,
  headers: { Allow: 'POST', 'Cache-Control': 'no-store' },
  body: 'Select the appropriate method(Create mode => POST)',
};
const KEY_EXISTS: ResponseParts = { status: 400, body: 'The key already exists!' };

export default definePlugin({
  name: 'create',
  setup({ handle, storage }) {
    // Only registered methods: without `post` in the configuration, POST stays 405 here too.
    handle(
      '*',
      '/create',
      async (request) => {
        if (request.method !== 'POST') return WRONG_METHOD;
        // The path names an action and has no state, so If-Match never holds (RFC 9110 §13.1.1).
        precondition(request);
        const body = await readPairs(request);
        if ('refusal' in body) return body.refusal;

        const { pairs } = body;
        const keys = new Set(pairs.map(({ key }) => key));
        if (keys.size < pairs.length) return KEY_EXISTS;
        const checks = pairs.map(({ key }) => ({ key, revision: 0 }));
        const { ok } = await ofClient(() => storage.commit({ checks, puts: pairs }));
        if (!ok) return KEY_EXISTS;
        return `${pairs.map(({ key, value }) => `${key}:${value}\r\n`).join('')}Post Successfully OK`;
      },
      { registeredMethodsOnly: true, allow: ['POST'] },
    );
  },
});
