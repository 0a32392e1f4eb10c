/** SHOUT: returns the body in capitals. */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: 'shout',
  options: z.strictObject({
    /** Added after the text. */
    mark: z.string().default('!'),
  }),
  setup({ handle, options }) {
    handle('SHOUT', '/', async (request) => (await request.text()).toUpperCase() + options.mark);
  },
});
