// The default plugins with a store in memory, all limits and checks on, and one plugin for the routes of the comparison.
import { createServer, DEFAULT_CONFIG } from '../../../dist/core/index.js';
import { HUNDRED_KIB, pieces, routes } from './workload.mjs';

const workload = {
  name: 'workload',
  setup({ handle }) {
    handle('GET', '/users/:id', ({ params }) => params.id);
    handle('POST', '/echo', async (request) => String((await request.bytes()).length));
    handle('GET', '/stream', () => ({ headers: { 'Content-Length': String(HUNDRED_KIB) }, body: pieces() }));
    for (let at = 0; at < routes(); at++) handle('GET', `/route${at}/:id`, ({ params }) => params.id);
  },
};
const server = createServer({
  listen: { port: 0, sharedReadBuffer: process.env.PORTABLE !== '1' },
  storage: 'memory',
  plugins: [...DEFAULT_CONFIG.plugins, workload],
  limits: { maxConnections: 20_000 },
});
console.log((await server.listen()).port);
