/**
 * The suite over the portable read path: `npm run test:portable`, with the arguments of AVA behind `--`. Every process
 * of the suite is one in which the shared read buffer cannot be had; `core/connection/read-path.test.ts` is the witness.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';

process.env.JACKFIELD_READ_PATH = 'portable';
const { NODE_OPTIONS } = await import('./support/read-path.js');

// From dist/test.
const root = path.resolve(import.meta.dirname, '../..');
const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');
const env = { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${NODE_OPTIONS}`.trim() };
const suite = spawn(process.execPath, [ava, ...process.argv.slice(2)], { cwd: root, env, stdio: 'inherit' });
suite.on('close', (code) => {
  process.exitCode = code ?? 1;
});
