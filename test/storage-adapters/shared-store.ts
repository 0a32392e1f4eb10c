/** Tests of several servers over one store, for any store. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import type { StorageConfig } from '../../core/config/server-config.js';
import { createServer } from '../../core/server.js';
import { ROOT } from '../repository.js';
import { RawClient } from '../support/raw-client.js';
import { classicRequest, LF_FORMS } from '../transcript/classic-request.js';

export type Server = ReturnType<typeof createServer>;

/** Two servers over one new store. */
export async function pair(
  t: ExecutionContext,
  storage: StorageConfig,
): Promise<readonly [one: Server, other: Server]> {
  const make = async () => {
    const server = createServer({ listen: { port: 0 }, storage });
    t.teardown(() => server.close());
    await server.ready();
    return server;
  };
  // At the same time: both may have to create what the store needs.
  const [one, other] = await Promise.all([make(), make()]);
  return [one!, other!];
}

/** @param freshStorage A configuration with its own namespace. */
export function sharedStoreTests(test: TestFn, freshStorage: () => StorageConfig): void {
  for (const form of [undefined, ...LF_FORMS]) {
    test.serial(
      `two servers over one store give the classic transcript by turns, with LF alone at ${form ?? 'no line'}`,
      async (t) => {
        const cases: readonly Case[] = JSON.parse(
          await readFile(path.join(ROOT, 'examples/classic/cases.json'), 'utf8'),
        );
        const servers = await pair(t, freshStorage());
        const ports = await Promise.all(servers.map(async (server) => (await server.listen()).port));
        for (const [at, { request, response, title }] of cases.entries()) {
          const client = await RawClient.connect(ports[at % 2]!);
          client.send(classicRequest(request.method, `${request.host}/${request.path}`, request.body, form));
          const answer = await client.next();
          client.destroy();
          if (response === null) {
            t.is(answer, undefined, title);
            continue;
          }
          const head = [
            `HTTP/1.1 ${response.status} ${response.reason}`,
            `Host: ${response.host}`,
            'Content-Type: text/html',
            'Connection: keep-alive',
            `Content-Length: ${Buffer.byteLength(response.body)}`,
            'Date: *',
          ];
          const expected = Buffer.from(`${head.join('\r\n')}\r\n\r\n${response.body}`).toString('latin1');
          t.is(answer?.replace(/(?<=\r\nDate: ).*(?=\r\n)/, '*'), expected, title);
        }
      },
    );
  }

  test.serial('2,000 creates that race over two servers leave no orphan', async (t) => {
    const servers = await pair(t, freshStorage());
    // Each wants two neighbours of a ring, in either order, so most conflict with another one over only one key.
    const wanted = Array.from({ length: 2_000 }, (_, n) => {
      const keys = [`ring-${(n * 7) % 500}`, `ring-${(n * 7 + 1 + (n % 3)) % 500}`];
      return n % 2 === 0 ? keys : keys.reverse();
    });
    const statuses = await Promise.all(
      wanted.map(async (keys, n) => {
        const body = JSON.stringify(Object.fromEntries(keys.map((key) => [key, `value-${n}`])));
        return (await ask(servers[n % 2]!, 'POST', '/create', body)).status;
      }),
    );
    t.deepEqual(
      statuses.filter((status) => status !== 200 && status !== 400),
      [],
    );
    const expected = wanted.flatMap((keys, n) =>
      statuses[n] === 200 ? keys.map((key) => [key, `value-${n}`]) : [],
    );
    t.true(expected.length >= 250);
    for (const server of servers) t.deepEqual(sorted(await everything(server)), sorted(expected));
  });

  test.serial('racing updates over two servers keep the chain of previous values complete', async (t) => {
    const servers = await pair(t, freshStorage());
    const keys = ['x', 'y', 'z'];
    const bodyOf = (value: string, order: readonly string[]) =>
      JSON.stringify(Object.fromEntries(order.map((key) => [key, value])));
    await ask(servers[0], 'POST', '/create', bodyOf('start', keys));
    const answers = await Promise.all(
      Array.from({ length: 600 }, async (_, n) => {
        const order = n % 2 === 0 ? keys : keys.toReversed();
        const { status, text } = await ask(servers[n % 2]!, 'PUT', '/update', bodyOf(`v${n}`, order));
        t.is(status, 200);
        return text;
      }),
    );
    const stored = new Map(await everything(servers[1]));
    for (const key of keys) {
      const next = new Map(
        answers.map((text, n) => [new RegExp(`^${key}: (\\S+) => v${n}$`, 'm').exec(text)?.[1], `v${n}`]),
      );
      t.is(next.size, 600, 'no two replaced the same value');
      let value = 'start';
      let length = 0;
      for (let at = next.get(value); at !== undefined; at = next.get(value)) {
        value = at;
        length += 1;
      }
      t.is(length, 600);
      t.is(stored.get(key), value);
    }
  });
}

interface Case {
  readonly title: string;
  readonly request: { method: string; host: string; path: string; body: string };
  readonly response: { status: number; reason: string; host: string; body: string } | null;
}

export function ask(server: Server, method: string, target: string, body = '') {
  const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/json' };
  return server.inject({ method, target, headers, body });
}

export async function everything(server: Server): Promise<(readonly [string, string])[]> {
  const { text } = await server.inject({ target: '/', headers: { accept: 'application/json' } });
  return Object.entries(JSON.parse(text) as Record<string, string>);
}

const sorted = (pairs: readonly (readonly string[])[]): (readonly string[])[] =>
  pairs.toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1));

/** Polls until the answer is true; otherwise the time-out of the test runner ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/**
 * Creates under load while the store is killed and restarted. Every answer is 200 or 503, every entry answered with 200
 * exists, and the service recovers by itself.
 */
export async function killedUnderLoad(
  t: ExecutionContext,
  storage: StorageConfig,
  store: { kill(): Promise<void>; start(): Promise<void> },
): Promise<void> {
  const [server] = await pair(t, storage);
  const answered: string[] = [];
  const counts = { refused: 0, unknown: 0 };
  let isOver = false;
  let serial = 0;
  const write = async () => {
    while (!isOver) {
      const key = `key-${++serial}`;
      const { status, text } = await ask(server, 'POST', '/create', JSON.stringify({ [key]: key }));
      if (status === 200) answered.push(key);
      else {
        t.is(status, 503, text);
        if (text.includes('It is unknown whether')) counts.unknown += 1;
        else counts.refused += 1;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  };
  const writers = Array.from({ length: 16 }, write);
  for (let round = 0; round < 2; round += 1) {
    const before = answered.length;
    await until(() => answered.length > before + 100);
    await store.kill();
    const refused = counts.refused;
    await until(() => counts.refused > refused + 20);
    t.is((await ask(server, 'GET', '/')).status, 503);
    await store.start();
  }
  const before = answered.length;
  await until(() => answered.length > before + 100);
  isOver = true;
  await Promise.all(writers);
  const stored = new Map(await everything(server));
  t.deepEqual(
    answered.filter((key) => stored.get(key) !== key),
    [],
  );
  // No more entries than were answered or may have been stored.
  t.true(stored.size <= answered.length + counts.unknown, `${stored.size}, ${JSON.stringify(counts)}`);
}
