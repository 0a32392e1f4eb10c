/**
 * END `/`: stops the server cleanly.
 * Source: the classic protocol, rule 11 (no RFC). Errors: 403 if the peer may not stop this server.
 */
import { definePlugin, lazyOptions } from '../core/plugin-api.js';

export default definePlugin({
  name: 'end',
  options: lazyOptions(
    (z) =>
      z.strictObject({
        from: z
          .enum(['loopback', 'anywhere'])
          .default('loopback')
          .describe(
            'Who may stop the server: peers on this machine (127.0.0.0/8, ::1, a Unix socket), or everyone who reaches it. Behind a reverse proxy on this machine every peer looks local: name the proxy in `trustedProxies`, so that its clients count, or leave the plugin out there.',
          ),
      }),
    (given) => (Object.keys(given).length === 0 ? { from: 'loopback' as const } : undefined),
  ),
  setup({ handle, shutdown, log, options }) {
    handle('END', '/', ({ remoteAddress }) => {
      if (options.from === 'loopback' && !isLoopback(remoteAddress)) {
        return { status: 403, body: 'END is taken only from a loopback address' };
      }
      log.info({ remoteAddress }, 'END asked the server to stop');
      shutdown(); // This exchange is finished first.
      return { status: 204 };
    });
  },
});

/** Addresses as sockets report them; an IPv4 peer of an IPv6 socket is `::ffff:127.0.0.1`. */
function isLoopback(address: string): boolean {
  return address === '' || address === '::1' || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(address);
}
