/** Joins two connections: data from either goes to the other, as fast as the other accepts it. */
import type { Duplex } from 'node:stream';

/** How long one side may still read the data that the other sent before it closed. */
const LINGER_MS = 10_000;

export function joinStreams(one: Duplex, other: Duplex): void {
  pass(one, other);
  pass(other, one);
}

function pass(from: Duplex, to: Duplex): void {
  from.pipe(to);
  // The end of one is the end of both; its error adds nothing.
  from.on('error', () => {});
  from.once('close', () => {
    if (to.destroyed) return;
    if (!from.readableEnded) {
      to.destroy();
      return;
    }
    // This side has ended; its last data may still be on its way.
    to.unpipe();
    to.resume();
    const lingering = setTimeout(() => to.destroy(), LINGER_MS).unref();
    to.once('close', () => clearTimeout(lingering));
  });
}
