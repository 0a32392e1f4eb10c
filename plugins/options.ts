/**
 * OPTIONS: tells with `Allow` which methods a path has, and `OPTIONS *` which the server has.
 * Source: RFC 9110 §9.3.7. Errors: NOT_FOUND at a path that has none.
 */
import { definePlugin, JackfieldError } from '../core/plugin-api.js';

export default definePlugin({
  name: 'options',
  setup({ hook, allowedMethods }) {
    // A hook and not a handler: as a registered method OPTIONS would go to every handler of registered methods.
    hook('request', ({ method, target, path, dialect }) => {
      if (method !== 'OPTIONS' || dialect !== '') return undefined;
      const methods = target === '*' ? allowedMethods() : allowedMethods(path);
      // Who takes OPTIONS here, by name or with all other methods, answers it.
      if (target !== '*' && (methods.includes('OPTIONS') || methods.includes('*'))) return undefined;
      if (methods.length === 0) throw new JackfieldError('NOT_FOUND');
      const allow = [...new Set([...methods, 'OPTIONS'])].sort().join(', ');
      return { status: 204, headers: { Allow: allow } };
    });
  },
});
