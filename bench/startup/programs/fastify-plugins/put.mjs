/** PUT on a path where nothing is updated. */
export default async function put(scope) {
  scope.put('/', async (_request, reply) => reply.code(404).send('Not found'));
}
