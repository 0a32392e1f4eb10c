/**
 * Sends files: folders of this machine, each below a path prefix.
 * Source: RFC 9110 §8.8 (validators), §14 (ranges), §12.5.3 (Accept-Encoding). Errors: FILE_NOT_FOUND, also for paths
 * that lead out of the folder; RANGE_NOT_SATISFIABLE; FILE_CHANGED.
 */
import { z } from 'zod';
import { definePlugin } from '../core/plugin-api.js';
import { mountPlace } from './shared/mount.js';
import { mountSchema } from './static-files/mount.js';
import { openSite } from './static-files/site.js';

export default definePlugin({
  name: 'static-files',
  options: z.strictObject({
    mounts: z.array(mountSchema).min(1).describe('The folders with their paths.'),
  }),
  async setup({ handle, folder, prefix, log, options }) {
    for (const mount of options.mounts) {
      const { base, patterns } = mountPlace(prefix, mount.prefix);
      const site = await openSite(folder, mount, base, log);
      for (const pattern of patterns) {
        handle('GET', pattern, site);
        // Do not rely on the plugin `head`, which may be absent.
        handle('HEAD', pattern, site);
      }
    }
  },
});
