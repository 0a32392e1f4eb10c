/** The number of connections that the system allows this process. */
import { readFileSync } from 'node:fs';
import { DEFAULT_LIMITS } from './limits.js';

/** For the files of the store, modules, listening sockets and Node itself. */
const KEPT_FREE = 64;

/**
 * The default of `maxConnections`. Above the limit of open files the system refuses connections, and the store cannot
 * open its files either.
 * @param processLimits The text of `/proc/self/limits`.
 */
export function defaultMaxConnections(processLimits = readProcessLimits()): number {
  // Node raises the soft limit to the hard limit when it starts, so the first number is the right one.
  const [, openFiles] = /^Max open files +(\d+)/m.exec(processLimits) ?? [];
  if (openFiles === undefined) return DEFAULT_LIMITS.maxConnections;
  return Math.max(1, Math.min(DEFAULT_LIMITS.maxConnections, Number(openFiles) - KEPT_FREE));
}

/** `''` if the file does not exist: on systems other than Linux. */
function readProcessLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
