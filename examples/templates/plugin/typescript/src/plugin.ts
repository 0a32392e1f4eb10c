/** GET /__name__/NAME: greets the name in the path. */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: '__name__',
  options: z.strictObject({
    /** The word before the name. */
    greeting: z.string().min(1).default('Hello'),
  }),
  setup({ handle, options }) {
    handle('GET', '/__name__/:who', ({ params }) => `${options.greeting}, ${params.who}!\n`);
  },
});
