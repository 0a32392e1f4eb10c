// Fastify with better-sqlite3: write-ahead log, synchronous FULL, one transaction per request.
import Database from 'better-sqlite3';
import fastify from 'fastify';
import { entries, pairOf, sentence } from './workload.mjs';

const db = new Database(`${process.env.DATA ?? '.'}/data.sqlite`);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec('CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
const get = db.prepare('SELECT value FROM entries WHERE key = ?').pluck();
const put = db.prepare(
  'INSERT INTO entries VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
);
const update = db.transaction((key, value) => {
  const old = get.get(key);
  put.run(key, value);
  return old;
});
db.transaction(() => {
  for (const [key, value] of entries()) put.run(key, value);
})();

const app = fastify();
app.put('/update', (request, reply) => {
  const [key, value] = pairOf(request.body);
  reply.type('text/plain; charset=utf-8').send(sentence(request.body, key, update(key, value), value));
});
app.get('/keys/:key', (request, reply) => {
  const value = get.get(request.params.key);
  if (value === undefined) reply.code(404).send('There is no such entry.');
  else reply.type('text/plain; charset=utf-8').send(value);
});
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
