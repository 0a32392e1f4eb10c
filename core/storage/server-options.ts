/** The options that adapters of a database server share. Each adapter may replace a description by a narrower one. */
import { z } from 'zod';

export const serverOptions = {
  namespace: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .default('default')
    .describe(
      'The namespace of the entries: servers with the same namespace share them. 1 to 64 letters, digits, ".", "_" and "-".',
    ),
  connectTimeoutMs: z
    .int()
    .min(1)
    .max(2_147_483_647)
    .default(3_000)
    .describe('Milliseconds to connect; then STORAGE_UNAVAILABLE.'),
  sweepIntervalMs: z
    .int()
    .min(10)
    .max(2_147_483_647)
    .default(1_000)
    .describe(
      'Milliseconds between two removals of expired entries. Expired entries are always absent at once.',
    ),
};

/** Less than the 10 seconds of a handler. */
export const answerTimeoutMs = z.int().min(1).max(1_000_000_000).default(5_000);

/** For adapters whose history is on the server. */
export const historyChanges = z.int().min(1).max(1_000_000_000).default(10_000);

/**
 * One address or a list of them. The error does not show the address, because it may hold a password.
 *
 * @param scheme Matches the scheme of an address.
 * @param schemes The schemes, for the errors: `redis:// or rediss://`.
 */
export function addressOrList(scheme: RegExp, schemes: string) {
  const address = z.string().regex(scheme, `must begin with ${schemes}`);
  return z.union(
    [address, z.array(address).min(1)],
    `must be one address or a list of them, each with ${schemes}`,
  );
}
