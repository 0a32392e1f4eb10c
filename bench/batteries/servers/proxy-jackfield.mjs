// A proxy to UPSTREAM, with the default limits.
import { createServer } from '../../../dist/core/index.js';

const server = createServer({
  listen: { port: 0 },
  storage: 'memory',
  plugins: [{ use: 'proxy', options: { mounts: [{ target: process.env.UPSTREAM }] } }],
});
console.log((await server.listen()).port);
