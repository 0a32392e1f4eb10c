/**
 * PURGE: deletes the entry that the request target names.
 * Source: the method that HTTP caches have used for years (no RFC). Errors: 404 if there is no entry.
 */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: 'purge',
  options: z.strictObject({
    /** Answer 204 even if the entry did not exist. */
    quiet: z.boolean().default(false),
  }),
  setup({ handle, storage, options }) {
    handle('PURGE', '/keys/:key', async ({ params }) => {
      const { previous } = await storage.commit({ deletes: [params.key] });
      return { status: previous.has(params.key) || options.quiet ? 204 : 404 };
    });
  },
});
