/** All transports of a server, each with a matching client: a rule for one must hold for all. */
import type { ExecutionContext } from 'ava';
import type { ListenConfig } from '../../core/config/server-config.js';
import type { Server } from '../../core/server.js';
import { tempFolder } from '../core/temp-folder.js';
import { ONE } from './certificates.js';
import { RawClient } from './raw-client.js';

export interface Way {
  readonly listen: (t: ExecutionContext) => Promise<ListenConfig>;
  readonly connect: (t: ExecutionContext, server: Server) => Promise<RawClient>;
}

const overTcp = (t: ExecutionContext, server: Server): Promise<RawClient> =>
  RawClient.to(t, { port: server.addresses[0]!.port, host: '127.0.0.1' });

export const WAYS: Readonly<Record<'shared' | 'portable' | 'unix' | 'TLS', Way>> = {
  shared: { listen: async () => ({ port: 0, sharedReadBuffer: true }), connect: overTcp },
  portable: { listen: async () => ({ port: 0, sharedReadBuffer: false }), connect: overTcp },
  unix: {
    listen: async (t) => ({ socket: `${await tempFolder(t)}/s` }),
    connect: (t, server) => RawClient.to(t, { path: server.addresses[0]!.socket! }),
  },
  TLS: {
    listen: async () => ({ port: 0, tls: ONE }),
    connect: (t, server) => {
      // The type definitions do not know that TLS can be half open too.
      const options = { port: server.addresses[0]!.port, allowHalfOpen: true };
      return RawClient.secure(t, options);
    },
  },
};
