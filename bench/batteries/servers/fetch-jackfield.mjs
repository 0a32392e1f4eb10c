import { createServer } from '../../../dist/core/index.js';

const server = createServer({
  listen: { port: 0 },
  storage: 'memory',
  plugins: [{ use: 'fetch', options: { mounts: [{ module: `${import.meta.dirname}/fetch-app.mjs` }] } }],
});
console.log((await server.listen()).port);
