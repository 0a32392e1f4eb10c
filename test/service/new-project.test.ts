/**
 * Every project of `jackfield new` passes its own `npm test`, with the packages of the repository instead of
 * `npm install`. One after another, because each starts several processes. `.ci/packed-package.sh` tests the installation
 * with npm, from the packed package.
 */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { MAIN, ROOT, runToEnd } from '../repository.js';

/** Like the result of `npm install`, but without copies and builds. */
async function install(project: string): Promise<void> {
  const modules = path.join(project, 'node_modules');
  await mkdir(path.join(modules, '@types'), { recursive: true });
  await symlink(ROOT, path.join(modules, 'jackfield'));
  for (const name of ['zod', 'typescript', '@types/node', '.bin']) {
    await symlink(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
}

for (const kind of ['plugin', 'adapter', 'server']) {
  for (const language of ['ts', 'js']) {
    test.serial(`new ${kind} --${language}: the project passes its own tests`, async (t) => {
      const cwd = await tempFolder(t);
      const args = [MAIN, 'new', kind, 'tea', `--${language}`, '--folder', 'project'];
      const made = await runToEnd(process.execPath, args, { cwd });
      t.is(made.code, 0, made.stderr);
      const project = path.join(cwd, 'project');
      await install(project);
      const variables: Record<string, string> = {};
      if (kind === 'server') {
        // A user may add comments: the tests read the configuration as the command does.
        const file = path.join(project, 'jackfield.config.json');
        const text = await readFile(file, 'utf8');
        const own = text
          .replace('{', '{\n  // Ours.')
          .replace('10000', '"${env:TEA_PORT}"')
          .replace('"Welcome"', '"${env:TEA_GREETING:-Welcome}"');
        await writeFile(file, own);
        variables.TEA_PORT = '10001';
      }
      const { code, stdout, stderr } = await runToEnd('npm', ['test'], { cwd: project, variables });
      t.is(code, 0, stdout + stderr);
      t.regex(stdout, /(?:^|[#ℹ] )fail 0$/m);
      const [, passed] = /[#ℹ] pass (\d+)$/m.exec(stdout) ?? [];
      t.true(Number(passed) >= { plugin: 9, adapter: 50, server: 1 }[kind]!, stdout);
      // The files to be published exist.
      const { exports } = JSON.parse(await readFile(path.join(project, 'package.json'), 'utf8'));
      if (kind !== 'server') {
        const { default: made } = await import(path.join(project, exports['.']));
        t.is(made.name, 'tea');
      }
    });
  }
}
