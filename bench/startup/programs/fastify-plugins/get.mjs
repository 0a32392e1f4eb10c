/** GET /: the listing. */
import { entries } from './entries.mjs';

export default async function get(scope) {
  scope.get('/', async () => Object.fromEntries(entries));
}
