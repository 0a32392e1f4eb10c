/** GET /who: returns the client as the server sees it, to check the configuration of the proxy. */
import { definePlugin } from 'jackfield';

export default definePlugin({
  name: 'who',
  setup({ handle }) {
    handle('GET', '/who', ({ remoteAddress, protocol, host }) => ({
      json: { remoteAddress, protocol, host },
    }));
  },
});
