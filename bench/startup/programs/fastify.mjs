/** As many plugins as jackfield has by default, each with a route; registered as Fastify's guide tells. */
import fastify from 'fastify';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'GET'];

const app = fastify();
for (const [at, method] of METHODS.entries()) {
  app.register(async (scope) => {
    scope.route({ method, url: `/${at}`, handler: async () => 'hello' });
  });
}
await app.listen({ port: 0, host: '127.0.0.1' });
console.log('listening');
