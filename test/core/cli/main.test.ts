import { execFile } from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../temp-folder.js';

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command itself, in its own process. */
function jackfield(argv: readonly string[], cwd: string): Promise<Ended> {
  // Relative to dist/test/core/cli.
  const main = path.resolve(import.meta.dirname, '../../../core/cli/main.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...argv], { cwd }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test('the command works as a program, with its output, errors and exit codes', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "plugin": [] }' });
  const help = await jackfield(['--help'], cwd);
  t.is(help.code, 0);
  t.regex(help.stdout, /^Usage: jackfield /);
  t.is(help.stderr, '');

  t.deepEqual(await jackfield(['--prot', '80'], cwd), {
    code: 2,
    stdout: '',
    stderr: 'jackfield: Unknown flag --prot; did you mean --port? See "jackfield serve --help". [USAGE]\n',
  });
  t.deepEqual(await jackfield(['check'], cwd), {
    code: 1,
    stdout: '',
    stderr:
      'jackfield: The configuration is not valid: jackfield.config.json:1:3: unknown key "plugin"; did you mean "plugins"? [CONFIG_INVALID]\n',
  });
});
