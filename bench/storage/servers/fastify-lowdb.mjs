// Fastify with lowdb: every write rewrites the file, and nothing is synced, so a confirmed write may be lost.
import fastify from 'fastify';
import { JSONFilePreset } from 'lowdb/node';
import { entries, pairOf, sentence } from './workload.mjs';

const db = await JSONFilePreset(`${process.env.DATA ?? '.'}/data.json`, Object.fromEntries(entries()));
await db.write();
const app = fastify();
app.put('/update', async (request, reply) => {
  const [key, value] = pairOf(request.body);
  const old = db.data[key];
  db.data[key] = value;
  await db.write();
  return reply.type('text/plain; charset=utf-8').send(sentence(request.body, key, old, value));
});
app.get('/keys/:key', (request, reply) => {
  const value = db.data[request.params.key];
  if (value === undefined) reply.code(404).send('There is no such entry.');
  else reply.type('text/plain; charset=utf-8').send(value);
});
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
