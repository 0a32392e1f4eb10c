/** A server with a few handlers. */
import type { ExecutionContext } from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import type { Limits } from '../../../core/config/limits.js';
import { type Log, silentLog } from '../../../core/log.js';
import { createServer, type Server } from '../../../core/server.js';
import { RawClient } from '../../support/raw-client.js';
import { isStartWarning } from '../../support/start-warnings.js';

/** The error log of a test: the fields of every line. */
export interface Logged {
  readonly log: Log;
  readonly errors: Record<string, unknown>[];
}

export function logged(): Logged {
  const errors: Record<string, unknown>[] = [];
  const note = (fields: unknown, message?: string): void => {
    if (!isStartWarning({ message })) errors.push(fields as Record<string, unknown>);
  };
  const log: Log = { ...silentLog, error: note, warn: note, child: () => log };
  return { log, errors };
}

export interface Serving {
  readonly limits?: Partial<Limits>;
  readonly sharedReadBuffer?: boolean;
  readonly log?: Log;
  /** Built-in plugins before the test's plugin. */
  readonly plugins?: readonly string[];
}

/** Set up but not listening; closed when the test is over. */
export async function prepared(
  t: ExecutionContext,
  setup: (context: PluginContext) => void,
  { limits = {}, sharedReadBuffer = true, log, plugins = [] }: Serving = {},
): Promise<Server> {
  const server = createServer(
    {
      listen: { port: 0, sharedReadBuffer },
      storage: 'memory',
      limits: { shutdownTimeoutMs: 100, ...limits },
      plugins: [...plugins, { name: 'under-test', setup }],
    },
    log === undefined ? {} : { log },
  );
  t.teardown(() => server.close());
  await server.ready();
  return server;
}

/** Listens. @returns a function that connects a new client. */
export async function serving(
  t: ExecutionContext,
  setup: (context: PluginContext) => void,
  options?: Serving,
): Promise<() => Promise<RawClient>> {
  const server = await prepared(t, setup, options);
  const { port } = await server.listen();
  return async () => {
    const wire = await RawClient.connect(port);
    t.teardown(() => wire.destroy());
    return wire;
  };
}

/** The fields of a head. */
export function fieldsOf(head: string): Record<string, string | undefined> {
  const fields: Record<string, string> = {};
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon !== -1) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return fields;
}

/** Some turns of the event loop: enough for everything that is ready to happen. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
