/** Two connections as one: what comes from either goes to the other, as fast as that takes it. */
import type { Duplex } from 'node:stream';

/** How long one may still take what the other has sent before it closed. */
const LINGER_MS = 10_000;

export function joinStreams(one: Duplex, other: Duplex): void {
  pass(one, other);
  pass(other, one);
}

function pass(from: Duplex, to: Duplex): void {
  from.pipe(to);
  // The end of one is the end of both, and nothing else is to be told of it.
  from.on('error', () => {});
  from.once('close', () => {
    if (to.destroyed) return;
    if (!from.readableEnded) {
      to.destroy();
      return;
    }
    // It has said everything; what it said may still be on its way.
    to.unpipe();
    to.resume();
    const lingering = setTimeout(() => to.destroy(), LINGER_MS).unref();
    to.once('close', () => clearTimeout(lingering));
  });
}
