import { readFileSync } from 'node:fs';
import fastify from 'fastify';

const https = { cert: readFileSync(process.env.CERT), key: readFileSync(process.env.KEY) };
const app = fastify({ https });
app.get('/', async () => 'hello');
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
