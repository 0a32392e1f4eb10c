/** PUT on every other path: 404. */
export default async function put(scope) {
  scope.put('/', async (_request, reply) => reply.code(404).send('Not found'));
}
