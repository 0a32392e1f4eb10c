/**
 * As many plugins as jackfield has by default. Each is its own module that does about the same work, is loaded by name and
 * registered as in Fastify's guide. No log and no schemas: the smallest Fastify server of this kind.
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
