/**
 * As many plugins as jackfield has by default, each a module of its own that does about the same work, loaded by name
 * and registered as Fastify's guide tells. No log, no schemas: the least that a Fastify of that kind can be.
 */
import fastify from 'fastify';

const PLUGINS = ['head', 'get', 'post', 'put', 'create', 'update', 'text-bodies', 'end'];

const app = fastify({ exposeHeadRoutes: false });
for (const name of PLUGINS) {
  const { default: plugin } = await import(`./fastify-plugins/${name}.mjs`);
  app.register(plugin);
}
await app.listen({ port: 0, host: '127.0.0.1' });
console.log('listening');
