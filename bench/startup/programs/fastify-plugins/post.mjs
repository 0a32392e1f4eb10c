/** POST on a path where nothing is created. */
export default async function post(scope) {
  scope.post('/', async (_request, reply) => reply.code(404).send('Not found'));
}
