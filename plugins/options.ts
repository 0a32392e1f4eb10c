/**
 * OPTIONS: lists in `Allow` the methods of a path, and for `OPTIONS *` those of the server. It adds OPTIONS to the
 * `Allow` of every 405, since the path has that method too.
 * Source: RFC 9110 §9.3.7 and §15.5.6. Errors: NOT_FOUND at a path without any method.
 */
import { definePlugin, JackfieldError } from '../core/plugin-api.js';

export default definePlugin({
  name: 'options',
  setup({ hook, allowedMethods }) {
    // A hook and not a handler: as a registered method, OPTIONS would go to every handler of registered methods.
    hook('request', ({ method, target, path, dialect }) => {
      if (method !== 'OPTIONS' || dialect !== '') return undefined;
      const methods = target === '*' ? allowedMethods() : allowedMethods(path);
      // If a handler here accepts OPTIONS, by name or with all other methods, it answers.
      if (target === '*' && allowedMethods(path).includes('*')) return undefined;
      if (target !== '*' && (methods.includes('OPTIONS') || methods.includes('*'))) return undefined;
      if (methods.length === 0) throw new JackfieldError('NOT_FOUND');
      return { status: 204, headers: { Allow: withOptions(methods) } };
    });
    hook('response', ({ path, dialect }, response) => {
      if (response.status !== 405 || dialect !== '') return undefined;
      const methods = allowedMethods(path);
      // A handler of all methods, such as a proxy, answers OPTIONS itself and knows what it allows. A path without a
      // method is 404 for OPTIONS too.
      if (methods.length === 0 || methods.includes('*')) return undefined;
      const { headers } = response;
      const allowed =
        headers.allow === undefined
          ? methods
          : [headers.allow]
              .flat()
              .join(',')
              .split(/[\s,]+/);
      return { ...response, headers: { ...headers, allow: withOptions(allowed) } };
    });
  },
});

function withOptions(methods: readonly string[]): string {
  return [...new Set([...methods, 'OPTIONS'])]
    .filter((method) => method !== '')
    .sort()
    .join(', ');
}
