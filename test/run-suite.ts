/**
 * Runs a part of the suite: `node dist/test/run-suite.js [quick|slow|all] [portable] [arguments of AVA]`.
 *
 * With `portable`, every process of the suite lacks the shared read buffer; `core/connection/read-path.test.ts` is the
 * witness.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';

const args = process.argv.slice(2);
if (/^(?:quick|slow|all)$/.test(args[0] ?? '')) process.env.JACKFIELD_TESTS = args.shift();
if (args[0] === 'portable') {
  args.shift();
  process.env.JACKFIELD_READ_PATH = 'portable';
}
const { NODE_OPTIONS } = await import('./support/read-path.js');

// From dist/test.
const root = path.resolve(import.meta.dirname, '../..');
const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');
const env = { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${NODE_OPTIONS}`.trim() };
const suite = spawn(process.execPath, [ava, ...args], { cwd: root, env, stdio: 'inherit' });
suite.on('close', (code) => {
  process.exitCode = code ?? 1;
});
