/** Tests that need a server: it is started before them and stopped after them. */
import { threadId } from 'node:worker_threads';
import type { TestFn } from 'ava';
import { reportMissing } from './missing.js';
import { type PostgresServer, postgresMissing, startPostgres } from './postgres-server.js';
import { type RedisServer, redisMissing, startRedis, waitAofMissing } from './redis-server.js';

/** A counter, so that each test has its own entries in the shared server. */
let namespaces = 0;
export const freshNamespace = (): string => `test-${process.pid}-${threadId}-${++namespaces}`;

/** @param define Registers the tests; called only if there is a server. */
export function withPostgres(
  test: TestFn,
  define: (server: () => PostgresServer) => void,
  settings: readonly string[] = [],
): void {
  const missing = postgresMissing();
  if (missing !== undefined) {
    reportMissing(test, missing);
    return;
  }
  let server: PostgresServer | undefined;
  test.before('PostgreSQL starts', async () => {
    server = await startPostgres(settings);
  });
  test.after.always('PostgreSQL stops', () => server?.stop());
  define(() => server!);
}

export function withRedis(
  test: TestFn,
  define: (server: () => RedisServer) => void,
  settings: readonly string[] = DURABLE,
): void {
  const missing = redisMissing();
  if (missing !== undefined) {
    reportMissing(test, missing);
    return;
  }
  let server: RedisServer | undefined;
  test.before('Redis starts', async () => {
    server = await startRedis(settings);
  });
  test.after.always('Redis stops', () => server?.stop());
  define(() => server!);
}

/** Debian's Redis is older than WAITAOF, so these tests may be skipped in CI too. */
export function withWaitAof(
  test: TestFn,
  define: (server: () => RedisServer) => void,
  settings: readonly string[] = DURABLE,
): void {
  const missing = redisMissing() === undefined ? waitAofMissing() : undefined;
  if (missing === undefined) withRedis(test, define, settings);
  else test.skip(missing, () => {});
}

export const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
