/** WHOAMI /: returns the identity from `auth` and the ID from `request-id`. */
import { definePlugin } from 'jackfield';
import { identity } from 'jackfield/plugins/auth';
import { requestId, requestLog } from 'jackfield/plugins/request-id';

export default definePlugin({
  name: 'whoami',
  needs: ['auth', 'request-id'],
  setup({ handle, log }) {
    handle('WHOAMI', '/', (request) => {
      // The log line has the ID of the request.
      requestLog(request, log).info('asked who it is');
      const { name, roles } = identity(request) ?? { name: 'nobody', roles: [] };
      return { json: { name, roles, request: requestId(request) } };
    });
  },
});
