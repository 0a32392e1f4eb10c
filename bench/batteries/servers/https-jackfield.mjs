import { createServer } from '../../../dist/core/index.js';

const { CERT: cert, KEY: key } = process.env;
const hello = { name: 'hello', setup: ({ handle }) => handle('GET', '/', () => 'hello') };
const server = createServer({ listen: { port: 0, tls: { cert, key } }, storage: 'memory', plugins: [hello] });
console.log((await server.listen()).port);
