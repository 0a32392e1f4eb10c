/** GET /__name__/NAME: greets whom the path names. */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: '__name__',
  options: z.strictObject({
    /** Stands in front of the name. */
    greeting: z.string().min(1).default('Hello'),
  }),
  setup({ handle, options }) {
    handle('GET', '/__name__/:who', ({ params }) => `${options.greeting}, ${params.who}!\n`);
  },
});
