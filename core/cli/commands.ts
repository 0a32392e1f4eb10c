/** The commands, in the order of the help. `jackfield` alone runs the first. */
import { check } from './check.js';
import { client } from './client.js';
import type { Command } from './command.js';
import { newProject } from './new.js';
import { plugins } from './plugins.js';
import { reload } from './reload.js';
import { schema } from './schema.js';
import { serve } from './serve.js';
import { store } from './store/store.js';

export const COMMANDS: readonly [Command, ...Command[]] = [
  serve,
  check,
  schema,
  plugins,
  reload,
  store,
  client,
  newProject,
];
