/** How many connections the system lets this process have. */
import { readFileSync } from 'node:fs';
import { DEFAULT_LIMITS } from './limits.js';

/** For files of the store, modules, listening sockets and Node's own. */
const KEPT_FREE = 64;

/**
 * The default of `maxConnections`: beyond the limit of open files the system refuses connections, and then the store
 * cannot open its files either.
 * @param processLimits The text of `/proc/self/limits`.
 */
export function defaultMaxConnections(processLimits = readProcessLimits()): number {
  // Node raises the soft limit to the hard one when it starts, so the first number counts.
  const [, openFiles] = /^Max open files +(\d+)/m.exec(processLimits) ?? [];
  if (openFiles === undefined) return DEFAULT_LIMITS.maxConnections;
  return Math.max(1, Math.min(DEFAULT_LIMITS.maxConnections, Number(openFiles) - KEPT_FREE));
}

/** `''` where there is none: on other systems than Linux. */
function readProcessLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
