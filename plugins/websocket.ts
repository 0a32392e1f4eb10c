/**
 * WebSocket: paths whose clients switch to it, each served by one of your modules. Other plugins serve sockets with
 * `webSockets`, whether this plugin is configured or not.
 * Source: RFC 6455, implemented by the package ws. Errors: WEBSOCKET_EXPECTED, WEBSOCKET_INVALID, ORIGIN_NOT_ALLOWED.
 */
import { z } from 'zod';
import { definePlugin, type Log, type Request, type Storage } from '../core/plugin-api.js';
import { defaultExport } from './shared/load-module.js';
import { patternSchema, TOKEN } from './shared/rules.js';
import type { WebSocket } from './websocket/guarded-socket.js';
import { webSockets } from './websocket/web-sockets.js';

export type { ServeSocket, WebSocket } from './websocket/guarded-socket.js';
export { type WebSocketOptions, webSockets } from './websocket/web-sockets.js';

/** What a module gets besides its socket. */
export interface SocketContext {
  /** All open sockets at this path, including this one. */
  readonly sockets: ReadonlySet<WebSocket>;
  readonly log: Log;
  readonly storage: Storage;
  /** Aborted when the server begins to stop, or when a reload removes the plugin or changes its options. */
  readonly signal: AbortSignal;
}

/** The default export of a module. If it throws or rejects, this one socket is closed. */
export type SocketModule = (socket: WebSocket, request: Request, context: SocketContext) => unknown;

const milliseconds = z.int().min(1).max(3_600_000);

const mountSchema = z.strictObject({
  path: patternSchema.describe('A path pattern as for `handle`.'),
  module: z
    .string()
    .min(1)
    .describe(
      'The module that serves the sockets of this path: its default export is called with each socket. Relative to the configuration.',
    ),
  origins: z
    .union([z.enum(['same-host', '*']), z.array(z.string().min(1))])
    .default('same-host')
    .describe(
      'The origins whose pages may open sockets: `same-host`, pages of the same host; a list of origins as browsers send them; or `*`. Programs other than browsers send no origin and are accepted: this is not access control.',
    ),
  protocols: z
    .array(z.string().regex(TOKEN, { error: 'expected the name of a subprotocol' }))
    .default([])
    .describe('The supported subprotocols; the first that the client names is selected.'),
  maxPayloadOctets: z
    .int()
    .min(1)
    .max(1_073_741_824)
    .default(1_048_576)
    .describe('The longest message, in octets. A longer one closes the socket with 1009.'),
  maxBufferedOctets: z
    .int()
    .min(1024)
    .default(16_777_216)
    .describe('The most octets that may wait for a slow client; above that its socket is closed.'),
  perMessageDeflate: z
    .boolean()
    .default(false)
    .describe('Whether to compress messages; compression needs much memory per socket.'),
  pingIntervalMs: milliseconds.default(30_000).describe('Milliseconds between pings.'),
  pongTimeoutMs: milliseconds
    .default(10_000)
    .describe('Milliseconds in which a client must answer a ping; else its socket is closed.'),
  closeTimeoutMs: milliseconds
    .default(2_000)
    .describe(
      'Milliseconds in which a client must answer a close, also the close with 1001 when the server stops.',
    ),
});

export default definePlugin({
  name: 'websocket',
  options: z.strictObject({
    mounts: z.array(mountSchema).min(1).describe('The paths with their modules.'),
  }),
  async setup({ handle, signal, log, storage, folder, options }) {
    for (const { path, module, ...rest } of options.mounts) {
      const serve = await defaultExport(module, folder);
      if (typeof serve !== 'function')
        throw new Error(
          `The module ${JSON.stringify(module)} has no function (socket, request) as its default export.`,
        );
      const webSocket = webSockets({ signal, log }, rest);
      const context = { sockets: webSocket.sockets, log, storage, signal } satisfies SocketContext;
      handle(
        'GET',
        path,
        (request) =>
          // The cast: a check at run time sees a function, but not its parameters.
          webSocket(request, (socket) => (serve as SocketModule)(socket, request, context)),
        // The option `origins` decides which pages may open a socket.
        { crossSite: 'allow' },
      );
    }
  },
});
