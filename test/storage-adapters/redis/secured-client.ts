/** A program: commits to the given address and namespace, and prints each change of the outcome. */
import { silentLog } from '../../../core/log.js';
import { RedisAdapter } from '../../../storage-adapters/redis/redis.js';
import { codeOf, put } from '../outage.js';

const [, , url = '', namespace = ''] = process.argv;
const adapter = new RedisAdapter({ url, namespace }, { log: silentLog });
await adapter.open();
for (let last: unknown, at = 0; ; at += 1) {
  const outcome = await codeOf(() => adapter.commit(put(`key ${at % 100}`)));
  const isFailure = outcome !== 'no error';
  // Two codes may describe one outage.
  if (outcome !== last && !(isFailure && last !== undefined && last !== 'no error')) console.log(outcome);
  last = outcome;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
