// The folder FOLDER below /.
import files from '@fastify/static';
import fastify from 'fastify';

const app = fastify();
app.register(files, { root: process.env.FOLDER });
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
