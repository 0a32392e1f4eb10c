// As proxy-jackfield.mjs.
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const app = fastify();
await app.register(proxy, { upstream: process.env.UPSTREAM, websocket: true });
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
