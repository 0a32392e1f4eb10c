/** WHOAMI /: what `auth` and `request-id` have found out about a request. */
import { definePlugin } from 'jackfield';
import { identity } from 'jackfield/plugins/auth';
import { requestId, requestLog } from 'jackfield/plugins/request-id';

export default definePlugin({
  name: 'whoami',
  needs: ['auth', 'request-id'],
  setup({ handle, log }) {
    handle('WHOAMI', '/', (request) => {
      // The line carries the id of the request.
      requestLog(request, log).info('asked who it is');
      const { name, roles } = identity(request) ?? { name: 'nobody', roles: [] };
      return { json: { name, roles, request: requestId(request) } };
    });
  },
});
