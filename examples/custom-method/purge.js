/**
 * PURGE: forgets the entry named by the request target.
 * Source: the method that HTTP caches have used for years (no RFC). Errors: 404 where there is no entry.
 */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: 'purge',
  options: z.strictObject({
    /** Answer 204 even where nothing was stored. */
    quiet: z.boolean().default(false),
  }),
  setup({ handle, storage, options }) {
    handle('PURGE', '/keys/:key', async ({ params }) => {
      const result = await storage.commit({ deletes: [params.key] });
      // Only a commit with checks can be refused; the type asks all the same.
      const wasThere = result.ok && result.previous.has(params.key);
      return { status: wasThere || options.quiet ? 204 : 404 };
    });
  },
});
