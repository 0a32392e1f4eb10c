// As compress-jackfield.mjs.
import compress from '@fastify/compress';
import fastify from 'fastify';
import { GREETING, PRODUCTS } from './workload.mjs';

const app = fastify();
await app.register(compress);
app.get('/json', async () => PRODUCTS);
app.get('/', async () => GREETING);
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
