/** HEAD /: GET's header section. */
export default async function head(scope) {
  scope.head('/', async (_request, reply) => reply.type('application/json').send());
}
