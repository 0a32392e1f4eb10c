/** `jackfield store …`: what an operator does with a store beside serving it. Each works on every adapter. */
import type { Command } from '../command.js';
import { exportStore } from './export.js';
import { importStore } from './import.js';
import { migrate } from './migrate.js';
import { adopt, discard } from './repair.js';
import { stats } from './stats.js';
import { verify } from './verify.js';

export const store: Command = {
  name: 'store',
  summary: 'maintain the store: verify, stats, export, import, migrate, adopt, discard',
  takes: [],
  flags: [],
  commands: [verify, stats, exportStore, importStore, migrate, adopt, discard],
  examples: ['jackfield store verify', 'jackfield store export --help'],
  // The command line asks for one of the group.
  run: async () => 2,
};
