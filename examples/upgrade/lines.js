/**
 * GET /lines with `Upgrade: lines/1`: after the upgrade the server counts the lines that the client sends. Errors: 426
 * without the upgrade.
 */
import { createInterface } from 'node:readline';
import { definePlugin, requestedProtocols } from 'jackfield';

const PROTOCOL = 'lines/1';

export default definePlugin({
  name: 'lines',
  setup({ handle, signal }) {
    handle('GET', '/lines', (request) => {
      if (!requestedProtocols(request).includes(PROTOCOL)) {
        return { status: 426, headers: { Upgrade: PROTOCOL }, body: `Only ${PROTOCOL} is spoken here.` };
      }
      return {
        status: 101,
        headers: { Upgrade: PROTOCOL },
        // A plugin also has to end the connections that it takes over: when the client does, when the server stops, and
        // when a reload drops the plugin.
        takeOver: async (stream) => {
          const goodbye = () => stream.end('goodbye\n');
          signal.addEventListener('abort', goodbye);
          stream.on('close', () => signal.removeEventListener('abort', goodbye));
          let count = 0;
          for await (const line of createInterface({ input: stream })) {
            count += 1;
            if (stream.writable) stream.write(`${count}: ${line}\n`);
          }
          stream.end();
        },
      };
    });
  },
});
