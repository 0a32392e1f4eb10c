// /json is 18 KiB of JSON, compressed if the client accepts it; / is a short text. PLUGINS: others in front.
import { createServer } from '../../../dist/core/index.js';
import { GREETING, PRODUCTS } from './workload.mjs';

const workload = {
  name: 'workload',
  setup({ handle }) {
    handle('GET', '/json', () => ({ json: PRODUCTS }));
    handle('GET', '/', () => GREETING);
  },
};
const server = createServer({
  listen: { port: 0 },
  storage: 'memory',
  plugins: [...JSON.parse(process.env.PLUGINS ?? '["compress"]'), workload],
});
console.log((await server.listen()).port);
