/** The default plugins in a program, with entries in memory, because Fastify has no store to open either. */
import { createServer } from '../../../dist/core/index.js';

await createServer({ listen: { port: 0 }, storage: 'memory' }).listen();
console.log('listening');
