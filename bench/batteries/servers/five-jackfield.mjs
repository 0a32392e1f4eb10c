// The log goes to a file that keeps nothing, so that the disk is not measured.
import { createServer } from '../../../dist/core/index.js';

const hello = {
  name: 'hello',
  setup: ({ handle }) => handle('GET', '/', () => ({ json: { hello: 'world' } })),
};
const LIMIT = [{ name: 'default', limit: 1_000_000_000, windowSeconds: 60 }];
const server = createServer({
  listen: { port: 0 },
  storage: 'memory',
  plugins: [
    'request-id',
    { use: 'access-log', options: { destination: { file: '/dev/null' } } },
    'metrics',
    { use: 'cors', options: { origins: ['https://a.example'] } },
    { use: 'rate-limit', options: { rules: LIMIT } },
    hello,
  ],
});
console.log((await server.listen()).port);
