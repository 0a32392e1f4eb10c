/** Preloaded into a process: writes every port that it listens on to descriptor 3, however short the time. */
import { writeSync } from 'node:fs';
import net from 'node:net';

const WITNESS_FD = 3;
const emit = net.Server.prototype.emit;

net.Server.prototype.emit = function (this: net.Server, event: string | symbol, ...args: unknown[]) {
  if (event === 'listening') {
    const address = this.address();
    // A path is the lock of a data file; no client connects to it.
    if (typeof address === 'object' && address !== null) writeSync(WITNESS_FD, `${address.port}\n`);
  }
  return Reflect.apply(emit, this, [event, ...args]);
};
