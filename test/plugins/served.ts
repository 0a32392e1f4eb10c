/** A whole server for one test, closed at its end. */
import type { ExecutionContext } from 'ava';
import { DEFAULT_CONFIG, type PluginEntry, type ServerConfig } from '../../core/config/server-config.js';
import { createServer } from '../../core/server.js';

export type Server = ReturnType<typeof createServer>;

/** For `inject`; it does not listen. Entries are in memory; the plugins are the default ones. */
export async function served(t: ExecutionContext, config: ServerConfig = {}): Promise<Server> {
  const server = createServer({ listen: { port: 0 }, storage: { adapter: 'memory' }, ...config });
  t.teardown(() => server.close());
  await server.ready();
  return server;
}

/** The default plugins without this one, and others after them. */
export function pluginsWithout(name: string, ...others: readonly PluginEntry[]): readonly PluginEntry[] {
  return [...DEFAULT_CONFIG.plugins.filter((plugin) => plugin !== name), ...others];
}

/** Stores entries like a client. */
export async function create(server: Server, pairs: Iterable<readonly [string, string]>): Promise<void> {
  const members = Array.from(pairs, ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const { status, text } = await server.inject({
    method: 'POST',
    target: '/create',
    headers: { 'content-type': 'application/json' },
    body: `{${members.join(',')}}`,
  });
  if (status !== 200) throw new Error(text);
}

export async function listing(server: Server): Promise<string> {
  return (await server.inject({ target: '/' })).text;
}
