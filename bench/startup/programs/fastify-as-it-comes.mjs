/**
 * The same plugins with a log and a schema, as a Fastify server in production has them and as `jackfield serve` has them.
 * Fastify does not check options of plugins, so the schema is that of a body.
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
