/**
 * Forwards requests to another server and returns its answers: every method below a prefix, with streamed bodies.
 * Source: RFC 9110 §7.6 (forwarding), RFC 9112 §6 (framing, new in both directions), RFC 7239 (Forwarded).
 * Errors: UPSTREAM_UNREACHABLE, UPSTREAM_INVALID, UPSTREAM_TIMEOUT, UPSTREAM_BUSY; NOT_FOUND for a path that the
 * upstream could read as another (`/a/../b`).
 */
import { z } from 'zod';
import { definePlugin, type Handler, UpstreamPool } from '../core/plugin-api.js';
import { readAuthorities } from './proxy/authorities.js';
import { Forwarding } from './proxy/forwarding.js';
import { checkedMountSchema } from './proxy/mount.js';
import { mountPlace } from './shared/mount.js';

export default definePlugin({
  name: 'proxy',
  options: z.strictObject({
    mounts: z.array(checkedMountSchema).min(1).describe('The upstream servers with their paths.'),
  }),
  async setup({ handle, onClose, folder, prefix: entryPrefix, signal, options }) {
    for (const mount of options.mounts) {
      const ca = mount.ca === undefined ? undefined : await readAuthorities([mount.ca].flat(), folder);
      const url = new URL(mount.target);
      const pool = new UpstreamPool({ ...mount, url, ca });
      onClose(() => pool.close());
      const { prefix, stripPrefix, maxBodyOctets } = mount;
      const { base, patterns } = mountPlace(entryPrefix, prefix);
      // The prefix of the entry belongs to the configuration: it moves an upstream, which does not see it.
      const hidden = stripPrefix ? base : entryPrefix;
      const forwarding = new Forwarding(mount, url, hidden, pool, signal);
      const answer: Handler = (request) => forwarding.answer(request);
      // `OPTIONS *` has no path below a prefix.
      for (const pattern of base === '' ? [...patterns, '*'] : patterns)
        handle('*', pattern, answer, maxBodyOctets === undefined ? {} : { maxBodyOctets });
    }
  },
});
