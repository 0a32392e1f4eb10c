// The log goes to a file that keeps nothing, so that the disk is not measured.
import { randomUUID } from 'node:crypto';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import fastify from 'fastify';
import pino from 'pino';
import { Counter, Histogram, Registry } from 'prom-client';

const app = fastify({
  loggerInstance: pino(pino.destination({ dest: '/dev/null', sync: false })),
  genReqId: () => randomUUID(),
});
const registers = [new Registry()];
const requests = new Counter({
  name: 'http_requests_total',
  help: 'Requests',
  labelNames: ['method', 'route', 'status'],
  registers,
});
const durations = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Durations',
  labelNames: ['method', 'route'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers,
});
app.addHook('onSend', async (request, reply) => void reply.header('x-request-id', request.id));
app.addHook('onResponse', async (request, reply) => {
  const { method, routeOptions } = request;
  requests.inc({ method, route: routeOptions.url, status: reply.statusCode });
  durations.observe({ method, route: routeOptions.url }, reply.elapsedTime / 1_000);
});
await app.register(cors, { origin: ['https://a.example'] });
await app.register(rateLimit, { max: 1_000_000_000, timeWindow: 60_000 });
app.get('/', async () => ({ hello: 'world' }));
app.get('/metrics', async () => registers[0].metrics());
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
