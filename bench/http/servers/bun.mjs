import { GREETING, HUNDRED_KIB, pieces } from './workload.mjs';

const TEXT = { headers: { 'Content-Type': 'text/plain; charset=utf-8' } };
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  routes: {
    '/': () => new Response(GREETING, TEXT),
    '/users/:id': (request) => new Response(request.params.id, TEXT),
    '/echo': {
      POST: async (request) => new Response(String((await request.arrayBuffer()).byteLength), TEXT),
    },
    '/stream': () => new Response(pieces(), { headers: { 'Content-Length': String(HUNDRED_KIB) } }),
  },
});
console.log(server.port);
