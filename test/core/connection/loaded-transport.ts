/** A peer that accepts one write, and more only when the test says so. */

import type { Handler } from '../../../core/api/plugin.js';
import { DEFAULT_LIMITS, type Limits } from '../../../core/config/limits.js';
import type { Connection } from '../../../core/connection/connection.js';
import { Connections } from '../../../core/connection/connections.js';
import type { Transport } from '../../../core/connection/transport.js';
import { AllowedHosts } from '../../../core/handlers/allowed-hosts.js';
import { Dispatcher } from '../../../core/handlers/dispatcher.js';
import { noHooks } from '../../../core/handlers/hooks.js';
import { makeRoute, Registry } from '../../../core/handlers/registry.js';
import { silentLog } from '../../../core/log.js';

export class LoadedTransport implements Transport {
  readonly protocol = 'http';
  readonly remoteAddress = '127.0.0.1';
  /** Octets that were written. */
  written = 0;
  /** All output as latin1; only if the peer has room, because then it is short. */
  said = '';
  /** The last output. */
  last = '';
  /** Whether reading is paused. */
  isPaused = false;
  ended = false;
  destroyed = false;
  /** Whether it was closed with an error. */
  wasReset = false;
  /** Whether it accepts more at once. */
  hasRoom = false;

  write(octets: string | Uint8Array): boolean {
    this.written += octets.length;
    this.last = typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    if (this.hasRoom) this.said += this.last;
    return this.hasRoom;
  }

  writeAll(parts: readonly (string | Uint8Array)[]): boolean {
    for (const part of parts) this.write(part);
    return this.hasRoom;
  }

  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {
    this.ended = true;
  }
  destroySoon(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
  reset(): void {
    this.wasReset ||= !this.destroyed;
    this.destroyed = true;
  }
}

/**
 * One connection with one handler for GET, over such a peer.
 * @param time The clock of the server, for tests of its ticks. Without it, deadlines are checked only when the test
 *   calls `check`.
 */
export function loaded(
  handler: Handler,
  limits: Partial<Limits> = {},
  time?: () => number,
): { connections: Connections; connection: Connection; peer: LoadedTransport } {
  const registry = new Registry([makeRoute('under-test', '*', '*', handler)]);
  const dispatcher = new Dispatcher(
    { registry, hooks: noHooks(), dialects: [], taken: new Map() },
    new AllowedHosts('*'),
    silentLog,
  );
  const connections = new Connections(
    { ...DEFAULT_LIMITS, ...limits },
    dispatcher,
    silentLog,
    undefined,
    time === undefined ? {} : { time },
  );
  if (time === undefined) connections.tick = () => {};
  const peer = new LoadedTransport();
  return { connections, connection: connections.open(peer), peer };
}
