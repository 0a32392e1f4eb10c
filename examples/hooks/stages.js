/** Tells of every exchange which stages it went through: in the field X-Stages, and in the log when it is over. */
import { definePlugin } from 'jackfield';

export default definePlugin({
  name: 'stages',
  setup({ handle, hook, log }) {
    /** What a hook has to remember of a request until the next one. It goes with the request. */
    const seen = /** @type {WeakMap<object, string[]>} */ (new WeakMap());

    hook('request', (request) => {
      seen.set(request, ['request']);
      if (request.path === '/early') return 'Nobody was asked.\n';
    });
    hook('handler', (request) => {
      seen.get(request)?.push('handler');
    });
    hook('error', (request) => {
      seen.get(request)?.push('error');
    });
    hook('response', (request, { headers, ...rest }) => {
      const stages = [...(seen.get(request) ?? []), 'response'];
      return { ...rest, headers: { ...headers, 'X-Stages': stages.join(' ') } };
    });
    hook('close', ({ method, path }) => {
      log.info({ method, path }, 'It is over.');
    });

    handle('GET', '/fails', () => {
      throw new Error('on purpose');
    });
  },
});
