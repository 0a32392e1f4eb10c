/** PUT /update: replaces or creates entries. */
import { entries, pairsOf } from './entries.mjs';

export default async function update(scope) {
  scope.put('/update', async (request) => {
    for (const [key, value] of pairsOf(request.body)) entries.set(key, value);
    return 'Updated';
  });
}
