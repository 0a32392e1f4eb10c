import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { GREETING, HUNDRED_KIB, pieces } from './workload.mjs';

const app = new Hono();
app.get('/', (context) => context.text(GREETING));
app.get('/users/:id', (context) => context.text(context.req.param('id')));
app.post('/echo', async (context) => context.text(String((await context.req.arrayBuffer()).byteLength)));
app.get('/stream', (context) =>
  context.body(ReadableStream.from(pieces()), 200, { 'Content-Length': String(HUNDRED_KIB) }),
);
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port));
