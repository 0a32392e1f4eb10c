/** DELETE /: stops the server, because Fastify does not support END. */
export default async function end(scope) {
  scope.delete('/', async (_request, reply) => {
    reply.code(204).send();
    setImmediate(() => scope.close());
  });
}
