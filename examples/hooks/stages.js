/** Reports the stages of every exchange: in the field X-Stages, and in the log at its end. */
import { definePlugin, requestState } from 'jackfield';

/** @import { RequestState } from 'jackfield' */

export default definePlugin({
  name: 'stages',
  setup({ handle, hook, log }) {
    /** The stages of each request so far. */
    const seen = /** @type {RequestState<string[]>} */ (requestState());

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
    hook('close', ({ method, path }, { durationMs }) => {
      log.info({ method, path, durationMs }, 'It is over.');
    });

    handle('GET', '/fails', () => {
      throw new Error('on purpose');
    });
  },
});
