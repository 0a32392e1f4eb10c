/** GET /who: what the server knows of its client, to see that the proxy is set up right. */
import { definePlugin } from 'jackfield';

export default definePlugin({
  name: 'who',
  setup({ handle }) {
    handle('GET', '/who', ({ remoteAddress, protocol, host }) => ({
      json: { remoteAddress, protocol, host },
    }));
  },
});
