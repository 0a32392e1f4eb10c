/** GREET /NAME: greets the name in the path. A plugin may handle any method. */
import { definePlugin } from 'jackfield';
import { z } from 'zod';

export default definePlugin({
  name: 'greet',
  options: z.strictObject({
    /** The word before the name. */
    greeting: z.string().min(1).default('Hello'),
  }),
  setup({ handle, options }) {
    handle('GREET', '/:who', ({ params }) => `${options.greeting}, ${params.who}!\n`);
  },
});
