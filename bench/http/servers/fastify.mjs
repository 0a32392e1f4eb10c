import { Readable } from 'node:stream';
import fastify from 'fastify';
import { GREETING, HUNDRED_KIB, pieces } from './workload.mjs';

const app = fastify();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.get('/', async () => GREETING);
app.get('/users/:id', async (request) => request.params.id);
app.post('/echo', async (request) => String(request.body.length));
app.get('/stream', (_request, reply) =>
  reply.header('Content-Length', HUNDRED_KIB).send(Readable.from(pieces())),
);
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
