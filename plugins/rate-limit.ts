/**
 * Limits the requests of each client per time window; servers that share a store count together.
 * Source: RFC 6585 §4 (429), RFC 9110 §10.2.3 (Retry-After), draft-ietf-httpapi-ratelimit-headers-10 (RateLimit and
 * RateLimit-Policy). Errors: RATE_LIMITED; those of the store if `whenStoreFails` is `closed`.
 */
import { z } from 'zod';
import { definePlugin, JackfieldError, requestState } from '../core/plugin-api.js';
import type { Verdict } from './rate-limit/bucket.js';
import { clientCode, clientKey } from './rate-limit/client-key.js';
import { countingRule } from './rate-limit/counting-rule.js';
import { MemoryBuckets } from './rate-limit/memory-buckets.js';
import { SharedBuckets } from './rate-limit/shared-buckets.js';
import { refusal } from './shared/refusal.js';
import { ruleFields, TOKEN } from './shared/rules.js';

const ruleSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, { error: 'expected 1 to 32 of a-z, 0-9 and "-"' })
    .describe('The name of the rule in the response fields. Each rule has its own buckets.'),
  ...ruleFields,
  limit: z
    .union([z.int().min(1).max(1_000_000_000), z.literal('none')])
    .describe('Requests that a client may send at once, and again in each window; `none` means no limit.'),
  windowSeconds: z
    .int()
    .min(1)
    .max(2_592_000)
    .default(60)
    .describe('Seconds after which an empty bucket is full again.'),
});

export default definePlugin({
  name: 'rate-limit',
  options: z.strictObject({
    rules: z
      .array(ruleSchema)
      .min(1)
      .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, {
        error: 'expected each name once',
      })
      .default([{ name: 'default', path: '*', limit: 100, windowSeconds: 60 }])
      .describe('The first rule that matches a request counts it; if none matches, it is not counted.'),
    key: z
      .union([
        z.literal('address'),
        z.strictObject({
          header: z
            .string()
            .regex(TOKEN, { error: 'expected the name of a field' })
            .describe('Name of the field; a request without it is counted by its address.'),
        }),
      ])
      .default('address')
      .describe(
        'How clients are told apart: by address (for IPv6 by /64), or by a request field, such as one with an API key. Use a field only if something in front of the server verifies it: a client that changes the field at will has no limit.',
      ),
    buckets: z
      .enum(['auto', 'memory'])
      .default('auto')
      .describe(
        'Where buckets are kept: `auto` uses the store if several servers can share it, else memory; or always `memory`.',
      ),
    secret: z
      .string()
      .min(16)
      .optional()
      .describe(
        'Required for buckets in the store, the same for all its servers; at least 16 characters, from `${env:NAME}`. The keys of buckets contain the client only as a code that needs it: without it, every reader of the store could compute the addresses.',
      ),
    maxBuckets: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(10_000)
      .describe(
        'The most buckets in memory; above that, the least recently used are dropped and count as full again.',
      ),
    whenStoreFails: z
      .enum(['open', 'closed'])
      .default('open')
      .describe(
        'What happens while the store fails: `open` counts requests in memory, so that a failure of the limit does not stop the service; `closed` answers 503.',
      ),
    storeTimeoutMs: z
      .int()
      .min(1)
      .max(60_000)
      .default(500)
      .describe('The longest time in milliseconds that a request waits for the store.'),
    keyPrefix: z
      .string()
      .min(1)
      .max(256)
      .default('jackfield:rate-limit:')
      .describe('The prefix of the keys of buckets in the store.'),
  }),
  setup({ hook, prefix, storage, log, options }) {
    const { rules, key, buckets, maxBuckets, whenStoreFails } = options;
    const ruleFor = countingRule(rules, prefix);
    const header = typeof key === 'string' ? undefined : key.header.toLowerCase();
    const inMemory = new MemoryBuckets(maxBuckets);
    const isShared = buckets === 'auto' && storage.supports.shared !== 'process';
    if (isShared && options.secret === undefined)
      throw new Error(
        `Servers that share the store "${storage.name}" count together, and every reader of the store sees the keys of the buckets. Set "secret" to a text that only these servers know, or "buckets" to "memory".`,
      );
    const inStore = isShared ? new SharedBuckets(storage, options) : undefined;
    const hidden = clientCode(options.secret ?? '');
    const told = requestState<Readonly<Record<string, string>>>();
    let isFailing = false;

    async function takeShared(shared: SharedBuckets, bucket: string, limit: Limit): Promise<Verdict> {
      try {
        const verdict = await shared.take(bucket, limit);
        isFailing = false;
        return verdict;
      } catch (error) {
        if (!isFailing)
          log.error({ err: error, whenStoreFails }, 'The store of the rate limit does not work.');
        isFailing = true;
        if (whenStoreFails === 'open') return inMemory.take(bucket, limit);
        throw error instanceof JackfieldError
          ? error
          : new JackfieldError('STORAGE_UNAVAILABLE', '', { cause: error });
      }
    }

    hook('request', (request) => {
      const rule = ruleFor(request);
      if (rule === undefined || rule.limit === 'none') return undefined;
      const limit: Limit = { name: rule.name, limit: rule.limit, windowSeconds: rule.windowSeconds };
      const client = clientKey(request, header);
      const bucket = `${rule.name}:${inStore === undefined ? client : hidden(client)}`;
      const judge = (verdict: Verdict): undefined => {
        told.set(request, fieldsOf(limit, verdict));
        if (!verdict.isAllowed)
          throw refusal('RATE_LIMITED', { 'Retry-After': String(verdict.retryInSeconds) });
      };
      // Buckets in memory answer directly; then create no promise.
      if (inStore === undefined) return judge(inMemory.take(bucket, limit));
      return takeShared(inStore, bucket, limit).then(judge);
    });

    hook('fields', (request) => told.get(request));
  },
});

interface Limit {
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
}

/** Structured fields (RFC 9651): a quoted string with parameters. */
function fieldsOf({ name, limit, windowSeconds }: Limit, { remaining, fullInSeconds }: Verdict) {
  return {
    'ratelimit-policy': `"${name}";q=${limit};w=${windowSeconds}`,
    ratelimit: `"${name}";r=${remaining};t=${fullInSeconds}`,
  };
}
