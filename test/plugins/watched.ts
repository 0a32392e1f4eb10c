/** Servers with the plugin `watch`, and their clients. */
import type { ExecutionContext } from 'ava';
import type { ServerConfig } from '../../core/config/server-config.js';
import { createServer } from '../../core/server.js';
import type { StorageAdapter, WatchedChange } from '../../core/storage/contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { EventSourceClient } from './event-source.js';

export interface Change {
  readonly revision: number;
  readonly puts: readonly { readonly key: string; readonly value: string; readonly revision: number }[];
  readonly deletes: readonly string[];
}

/** A store that counts its readers. */
export class Counted extends MemoryAdapter {
  reads = 0;
  readers = 0;
  override watch(after: number): AsyncIterable<WatchedChange> {
    const changes = super.watch(after);
    return {
      [Symbol.asyncIterator]: () => {
        const reader = changes[Symbol.asyncIterator]();
        this.readers += 1;
        let isOpen = true;
        return {
          next: async () => {
            const result = await reader.next();
            this.reads += 1;
            return result;
          },
          return: async () => {
            if (isOpen) this.readers -= 1;
            isOpen = false;
            return (await reader.return?.()) ?? { done: true, value: undefined };
          },
        };
      },
    };
  }
}

export async function watched(
  t: ExecutionContext,
  adapter: StorageAdapter = new MemoryAdapter(),
  { heartbeatMs = 60_000, ...config }: ServerConfig & { heartbeatMs?: number } = {},
) {
  const server = createServer({
    listen: { port: 0 },
    storage: { adapter },
    plugins: ['head', 'keys', { use: 'watch', options: { heartbeatMs } }],
    ...config,
  });
  const clients: EventSourceClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.close();
    await server.close();
  });
  const { port } = await server.listen();
  const url = `http://127.0.0.1:${port}/watch`;
  const opened = async (query: string, lastEventId: string | undefined, accept?: string) => {
    const client = await EventSourceClient.connect(url + query, lastEventId, accept);
    clients.push(client);
    return client;
  };
  const connect = (query = '', lastEventId?: string) => opened(query, lastEventId);
  /** Connects like `EventSource`. */
  const connectAsBrowser = (query = '', lastEventId?: string) =>
    opened(query, lastEventId, 'text/event-stream');
  const put = (key: string, value: string) => adapter.commit({ puts: [{ key, value }] });
  return { server, adapter, connect, connectAsBrowser, put, port, url };
}

export async function changeFrom(client: EventSourceClient): Promise<Change> {
  return (await client.until('change'))?.data as Change;
}

export async function polled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
