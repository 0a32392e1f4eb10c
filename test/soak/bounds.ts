/** The resources that a server may use after much traffic, and the lines that it may log. */
import type { Held } from '../support/measured.js';

/** V8 uses about 3 MiB more once, when it compiles hot code; a leak continues and is larger in a long run. */
const HEAP_SLACK_OCTETS = 4 * 2 ** 20;
/** The system takes memory pages back at its own time. */
const RESIDENT_SLACK_OCTETS = 64 * 2 ** 20;

/** @param most Connections that were open at once: the system takes back their memory even later. */
export function mayHold(before: Held, after: Held, most = 0): boolean {
  return (
    after.heap <= before.heap + HEAP_SLACK_OCTETS &&
    after.rss <= before.rss + RESIDENT_SLACK_OCTETS + most * 16_384 &&
    after.sockets === 0 &&
    // Short-lived handles (a sample of the loop's delay, the timer of a warning) may be open at this moment.
    after.timers <= before.timers + 2 &&
    after.files <= before.files + 2
  );
}

/** Warnings and errors, except the faults that the traffic provokes, which name their plugin. */
export function unexpected({ level, plugin, code, err }: Readonly<Record<string, unknown>>): boolean {
  if (level !== 'error' && level !== 'warn') return false;
  const isAskedFor =
    code === 'HANDLER_TIMEOUT' || (err as { message?: string } | undefined)?.message === 'on purpose';
  return plugin !== 'measured' || !isAskedFor;
}
