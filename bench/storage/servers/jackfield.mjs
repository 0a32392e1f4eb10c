// The default plugins and `keys`, with the adapter that ADAPTER names and the data in the folder DATA.
import { createServer, DEFAULT_CONFIG } from '../../../dist/core/index.js';
import { entries } from './workload.mjs';

const { ADAPTER = 'json-file', DATA = '.' } = process.env;
const server = createServer({
  listen: { port: 0 },
  storage: {
    adapter: ADAPTER,
    ...(ADAPTER === 'memory'
      ? {}
      : { options: { path: `${DATA}/data${ADAPTER === 'json-file' ? '.json' : ''}` } }),
  },
  plugins: [...DEFAULT_CONFIG.plugins, 'keys'],
});
await server.ready();
for (const [key, value] of entries()) {
  await server.inject({ method: 'PUT', target: '/update', body: `${key}: ${value}` });
}
console.log((await server.listen()).port);
