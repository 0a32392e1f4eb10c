/** Shared by the tests of reloads. */

import type { ExecutionContext } from 'ava';
import {
  createLog,
  createServer,
  definePlugin,
  type PluginContext,
  type ServerConfig,
} from '../../core/index.js';
import { keeping } from '../support/start-warnings.js';

/** A plugin that records its life, with distinguishable instances. */
export function lively(
  name: string,
  life: string[],
  setup?: (context: PluginContext<{ n?: number }>) => unknown,
) {
  return definePlugin<{ n?: number }>({
    name,
    options: {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as object }) },
    },
    async setup(context) {
      const { n = 0 } = context.options;
      life.push(`${name}${n} up`);
      context.onClose(() => void life.push(`${name}${n} closed`));
      context.signal.addEventListener('abort', () => life.push(`${name}${n} told`));
      let asked = 0;
      context.handle('GET', `/${name}`, () => `${name}${n} ${++asked}`);
      await setup?.(context);
    },
  });
}

export const IN_MEMORY = { listen: { port: 0 }, storage: 'memory' } as const;

export function serverOf(t: ExecutionContext, config: ServerConfig) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog(keeping(lines));
  const server = createServer({ ...IN_MEMORY, ...config }, { log });
  t.teardown(() => server.close().catch(() => {}));
  const get = async (target: string) => (await server.inject({ target })).text;
  return { server, lines, get };
}

/** A promise, and the function that resolves it. */
export function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
