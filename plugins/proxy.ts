/**
 * Passes requests on to another server, and its answers back: every method below a prefix, bodies as they come.
 * Source: RFC 9110 §7.6 (forwarding), RFC 9112 §6 (framing, which is made anew both ways), RFC 7239 (Forwarded).
 * Errors: UPSTREAM_UNREACHABLE, UPSTREAM_INVALID, UPSTREAM_TIMEOUT; METHOD_UNSUPPORTED for a method with small letters;
 * NOT_FOUND for a path that the upstream could take for another (`/a/../b`).
 */
import { z } from 'zod';
import { definePlugin, type Handler } from '../core/plugin-api.js';
import { readAuthorities } from './proxy/authorities.js';
import { checkedMountSchema } from './proxy/mount.js';
import { passOn } from './proxy/pass-on.js';
import { Upstream } from './proxy/upstream.js';
import { mountPlace } from './shared/mount.js';

export default definePlugin({
  name: 'proxy',
  options: z.strictObject({
    mounts: z.array(checkedMountSchema).min(1).describe('The upstream servers with their paths.'),
  }),
  async setup({ handle, onClose, folder, prefix: entryPrefix, options }) {
    for (const mount of options.mounts) {
      const authorities =
        mount.ca === undefined ? undefined : await readAuthorities([mount.ca].flat(), folder);
      const upstream = new Upstream(mount, authorities);
      onClose(() => upstream.close());
      const { prefix, stripPrefix, maxBodyOctets } = mount;
      const { base, patterns } = mountPlace(entryPrefix, prefix);
      // The prefix of the entry is for the configuration alone: an upstream is moved by it and does not see it.
      const hidden = stripPrefix ? base : entryPrefix;
      const answer: Handler = (request) => passOn(request, upstream, mount, hidden);
      for (const pattern of patterns)
        handle('*', pattern, answer, maxBodyOctets === undefined ? {} : { maxBodyOctets });
    }
  },
});
