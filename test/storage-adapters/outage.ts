/** Helpers of the tests of outages. */
import { inspect } from 'node:util';
import type { ExecutionContext } from 'ava';
import { createLog, type Log } from '../../core/log.js';
import type { StorageAdapter } from '../../core/storage/contract.js';
import { type CuttableProxy, startProxy } from '../support/proxy.js';

/** A log with readable lines. */
export function readableLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLog((line) => lines.push(line)), lines };
}

export async function proxyFor(t: ExecutionContext, target: number | string): Promise<CuttableProxy> {
  const proxy = await startProxy(target);
  t.teardown(() => proxy.close());
  return proxy;
}

/** Opens the adapter, and closes it after the test. */
export async function opened<A extends StorageAdapter>(t: ExecutionContext, adapter: A): Promise<A> {
  await adapter.open();
  t.teardown(() => adapter.close());
  return adapter;
}

export async function codeOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return 'no error';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

export const put = (key: string, value = 'x') => ({ puts: [{ key, value }] });

/** All texts of an error, with its causes and hidden properties. */
export function textsOf(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true });
}
