/**
 * The same plugins with what a Fastify in service has beside them, and `jackfield serve` has too: a log, and a schema
 * that something is checked with at the start. Options of plugins are not checked by Fastify; the nearest is a body.
 */
import fastify from 'fastify';

const PLUGINS = ['head', 'get', 'post', 'put', 'create', 'update', 'text-bodies', 'end'];
const schema = { body: { type: 'object', additionalProperties: { type: 'string' } } };

const app = fastify({ exposeHeadRoutes: false, logger: { level: 'warn' } });
for (const name of PLUGINS) {
  const { default: plugin } = await import(`./fastify-plugins/${name}.mjs`);
  app.register(plugin);
}
app.post('/checked', { schema }, async () => 'checked');
await app.listen({ port: 0, host: '127.0.0.1' });
console.log('listening');
