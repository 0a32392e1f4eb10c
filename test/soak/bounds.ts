/** What a server may hold behind much traffic, and what it may say in its log. */
import type { Held } from '../support/measured.js';

/** V8 takes a step of about 3 MiB once, as it compiles what has become hot; a leak goes on and is more in a long run. */
const HEAP_SLACK_OCTETS = 4 * 2 ** 20;
/** The system gives pages back when it likes. */
const RESIDENT_SLACK_OCTETS = 64 * 2 ** 20;

/** @param most Connections that were open at once: what they took the system gives back later still. */
export function mayHold(before: Held, after: Held, most = 0): boolean {
  return (
    after.heap <= before.heap + HEAP_SLACK_OCTETS &&
    after.rss <= before.rss + RESIDENT_SLACK_OCTETS + most * 16_384 &&
    after.sockets === 0 &&
    // What opens and closes by itself (a sample of the loop's delay, the second of a warning) may do so just then.
    after.timers <= before.timers + 2 &&
    after.files <= before.files + 2
  );
}

/** Warnings and errors, but for the faults that the traffic asks for, which name their plugin. */
export function unexpected({ level, plugin, code, err }: Readonly<Record<string, unknown>>): boolean {
  if (level !== 'error' && level !== 'warn') return false;
  const isAskedFor =
    code === 'HANDLER_TIMEOUT' || (err as { message?: string } | undefined)?.message === 'on purpose';
  return plugin !== 'measured' || !isAskedFor;
}
