/**
 * END `/`: stops the server cleanly.
 * Source: the classic protocol, rule 11 (no RFC). Errors: 403 if the client may not stop this server.
 */
import { definePlugin, type Handler, lazyOptions } from '../core/plugin-api.js';

export default definePlugin({
  name: 'end',
  options: lazyOptions(
    (z) =>
      z.strictObject({
        from: z
          .enum(['loopback', 'anywhere'])
          .default('loopback')
          .describe(
            'Who may stop the server: `loopback`, clients on this machine that connect to it directly (127.0.0.0/8, ::1, a Unix socket), or `anywhere`, every client. A client of a proxy in `trustedProxies` never counts as local: many proxies pass on the address that their client claims. A proxy on this machine that `trustedProxies` does not name cannot be distinguished from a local client: name it, or leave the plugin out.',
          ),
      }),
    (given) => (Object.keys(given).length === 0 ? { from: 'loopback' as const } : undefined),
  ),
  setup({ handle, shutdown, log, options }) {
    const end: Handler = ({ remoteAddress, trustedPeer }) => {
      // HAProxy and nginx pass X-Forwarded-For on as their client sent it unless they are configured to set it, so a
      // loopback address that comes through a proxy may be the client's own claim.
      if (options.from === 'loopback' && (trustedPeer !== undefined || !isLoopback(remoteAddress))) {
        return { status: 403, body: 'END is allowed only from a loopback address, and not through a proxy' };
      }
      log.info({ remoteAddress }, 'END asked the server to stop');
      shutdown(); // This exchange is finished first.
      return { status: 204 };
    };
    // A browser runs on the machine of its user, so each page that it shows connects from a loopback address.
    handle('END', '/', end, { crossSite: 'refuse' });
  },
});

/** Addresses as sockets report them; an IPv4 peer of an IPv6 socket is `::ffff:127.0.0.1`. */
function isLoopback(address: string): boolean {
  return address === '' || address === '::1' || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(address);
}
