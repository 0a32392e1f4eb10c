/** Adapters are interchangeable: with random calls, every adapter answers like memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { createServer } from '../../core/server.js';
import type { StorageAdapter } from '../../core/storage/contract.js';
import { JsonFileAdapter } from '../../storage-adapters/json-file/json-file.js';
import { LruAdapter } from '../../storage-adapters/lru.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { EventSourceClient } from '../plugins/event-source.js';
import { answersOf, key, steps, value } from './steps.js';

test('lru answers like memory while it is not full', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const expected = await answersOf(new MemoryAdapter(), all);
      t.deepEqual(
        await answersOf(new LruAdapter({ maxEntries: 1_000, maxOctets: 1_000_000 }), all),
        expected,
      );
    }),
    { numRuns: 300 },
  );
});

test('json-file answers like memory, also after a restart', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const folder = await mkdtemp(join(tmpdir(), 'jackfield-same-'));
      const path = join(folder, 'data.json');
      const expected = await answersOf(new MemoryAdapter(), all);
      t.deepEqual(await answersOf(new JsonFileAdapter({ path }), all), expected);
      const [found] = await answersOf(new JsonFileAdapter({ path }), []);
      t.deepEqual(found, expected.at(-1), 'with every created and revision');
      await rm(folder, { recursive: true });
    }),
    { numRuns: 40 },
  );
});

// Over HTTP: the same requests to `/keys` get the same answers, and `/watch` reports the same changes.

interface Exchange {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly target: string;
  readonly body: string;
  /**
   * The index of the entity tag in the condition, among those seen so far; without such a tag there is no condition.
   */
  readonly condition?: { readonly name: 'if-match' | 'if-none-match'; readonly tag: number | '*' };
}

const target = key
  .filter((text) => text !== '.' && text !== '..')
  .map((text) => `/keys/${encodeURIComponent(text)}`);
const condition = fc.record({
  name: fc.constantFrom('if-match' as const, 'if-none-match' as const),
  tag: fc.oneof(fc.constant('*' as const), fc.nat(6)),
});
const exchange: fc.Arbitrary<Exchange> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      { method: fc.constantFrom('GET', 'PUT', 'PUT', 'DELETE'), target, body: value, condition },
      { requiredKeys: ['method', 'target', 'body'] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        prefix: fc.constantFrom('', 'a', '1'),
        after: fc.nat(8),
        limit: fc.integer({ min: 1, max: 4 }),
      })
      .map(({ prefix, after, limit }) => ({
        method: 'GET' as const,
        target: `/keys?prefix=${prefix}&after=${after}&limit=${limit}`,
        body: '',
      })),
  },
);

async function answersOverHttp(adapter: StorageAdapter, exchanges: readonly Exchange[]) {
  const { watch } = adapter.supports;
  const server = createServer({
    listen: { port: 0 },
    storage: { adapter },
    plugins: ['head', 'keys', ...(watch ? ['watch'] : [])],
  });
  const { url } = await server.listen();
  const answers: unknown[] = [];
  const tags: string[] = [];
  // The last commit changes something, so that the feed reaches its revision.
  const last: Exchange = { method: 'PUT', target: '/keys/last', body: 'x' };
  for (const { method, target, body, condition: wanted } of [...exchanges, last]) {
    const tag = wanted?.tag === '*' ? '*' : tags[wanted?.tag ?? -1];
    const headers = wanted === undefined || tag === undefined ? {} : { [wanted.name]: tag };
    const answer = await server.inject({ method, target, headers, ...(method === 'PUT' ? { body } : {}) });
    const { date: _, ...fields } = answer.headers;
    answers.push([answer.status, fields, answer.text]);
    if (fields.etag !== undefined) tags.push(fields.etag);
  }
  const told = watch ? await eventsOf(`${url}/watch?after=0`, (await adapter.revision?.()) ?? 0) : undefined;
  await server.close();
  return { answers, told };
}

/** Every event with a change, up to this revision. */
async function eventsOf(url: string, revision: number): Promise<unknown[]> {
  const client = await EventSourceClient.connect(url);
  const events: unknown[] = [];
  for (let last = 0; last < revision; ) {
    const event = await client.next();
    last = Number(event?.id ?? last);
    if (event?.event === 'change') events.push(event);
  }
  client.close();
  return events;
}

test('over HTTP lru and json-file answer like memory, with conditions and pages, and report the same changes', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: 5, maxLength: 30 }), async (exchanges) => {
      const folder = await mkdtemp(join(tmpdir(), 'jackfield-same-'));
      const expected = await answersOverHttp(new MemoryAdapter(), exchanges);
      for (const adapter of [
        new LruAdapter({ maxEntries: 1_000 }),
        new JsonFileAdapter({ path: join(folder, 'data.json') }),
      ]) {
        const { answers, told } = await answersOverHttp(adapter, exchanges);
        t.deepEqual(answers, expected.answers, adapter.name);
        if (told !== undefined) t.deepEqual(told, expected.told, adapter.name);
      }
      await rm(folder, { recursive: true });
    }),
    { numRuns: 25 },
  );
});
