/** POST on every other path: 404. */
export default async function post(scope) {
  scope.post('/', async (_request, reply) => reply.code(404).send('Not found'));
}
