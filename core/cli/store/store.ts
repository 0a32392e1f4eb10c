/**
 * `jackfield store …`: what an operator can do with a store besides serving it. Each command works with every adapter.
 */
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
  // Never runs: the parser requires a command of the group.
  run: async () => 2,
};
