/** GREET /NAME: greets whom the path names. Any method is a plugin away. */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: 'greet',
  options: z.strictObject({
    /** Stands in front of the name. */
    greeting: z.string().min(1).default('Hello'),
  }),
  setup({ handle, options }) {
    handle('GREET', '/:who', ({ params }) => `${options.greeting}, ${params.who}!\n`);
  },
});
