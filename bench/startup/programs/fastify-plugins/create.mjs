/** POST /create: all or nothing. */
import { entries, pairsOf } from './entries.mjs';

export default async function create(scope) {
  scope.post('/create', async (request, reply) => {
    const pairs = pairsOf(request.body);
    if (pairs.some(([key]) => entries.has(key))) return reply.code(409).send('Exists');
    for (const [key, value] of pairs) entries.set(key, value);
    return reply.code(201).send('Created');
  });
}
