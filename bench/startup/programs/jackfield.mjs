/** The default plugins in a program of one's own, entries in memory: Fastify has no store to open either. */
import { createServer } from '../../../dist/core/index.js';

await createServer({ listen: { port: 0 }, storage: 'memory' }).listen();
console.log('listening');
