/**
 * POST: allows the method, and answers 404 with the right path if no other plugin has the path.
 * Source: the classic protocol, rule 10. Errors: always 404.
 */
import { definePlugin } from '../core/plugin-api.js';

/** Like every error of the server. */
const HEADERS = Object.freeze({ 'Cache-Control': 'no-store' });

export default definePlugin({
  name: 'post',
  setup({ handle, prefix }) {
    const create = `${prefix}/create`;
    handle(
      'POST',
      '*',
      ({ path }) => ({
        status: 404,
        headers: HEADERS,
        // The path itself arrives here only if no plugin handles it: then do not send the client there.
        body:
          path === create
            ? 'Create mode is not configured'
            : `Select the appropriate path(Create mode => ${create})`,
      }),
      { fallback: true },
    );
  },
});
