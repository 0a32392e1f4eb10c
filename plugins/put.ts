/**
 * PUT: opens the method, and where nothing else takes it, names the path that does.
 * Source: the classic protocol, rule 10. Errors: always 404.
 */
import { definePlugin } from '../core/plugin-api.js';

/** As every error of the server. */
const HEADERS = Object.freeze({ 'Cache-Control': 'no-store' });

export default definePlugin({
  name: 'put',
  setup({ handle }) {
    handle(
      'PUT',
      '*',
      ({ path }) => ({
        status: 404,
        headers: HEADERS,
        // The path itself gets here only where no plugin took it: then it is no use to send the client there.
        body:
          path === '/update'
            ? 'Update mode is not configured'
            : 'Select the appropriate path(Update mode => /update)',
      }),
      { fallback: true },
    );
  },
});
