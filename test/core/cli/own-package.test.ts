/** The dependency of a new project, by the dependency through which jackfield itself was installed. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { sourceOf } from '../../../core/cli/own-package.js';
import { tempFolder } from '../temp-folder.js';

const CASES: Readonly<Record<string, string>> = {
  'file:../packed/j.tgz': 'file:../../packed/j.tgz',
  '../packed/j.tgz': 'file:../../packed/j.tgz',
  'link:../packed': 'file:../../packed',
  'portal:../packed': 'file:../../packed',
  'file:../packed/gone.tgz': '^1.2.3',
  '^1.0.0': '^1.2.3',
  latest: '^1.2.3',
  'npm:jackfield@1.2.3': '^1.2.3',
  'https://packages.invalid/jackfield': 'https://packages.invalid/jackfield',
  'git+ssh://git@packages.invalid/j.git': 'git+ssh://git@packages.invalid/j.git',
};

for (const [declared, expected] of Object.entries(CASES)) {
  test(`installed as ${declared}, a new project gets ${expected}`, async (t) => {
    const folder = await tempFolder(t, {
      'packed/j.tgz': '',
      'user/package.json': JSON.stringify({ devDependencies: { jackfield: declared } }),
    });
    // The layout of pnpm.
    const own = path.join(folder, 'user/node_modules/.pnpm/jackfield@1.2.3/node_modules/jackfield');
    await mkdir(own, { recursive: true });
    const target = path.join(folder, 'user/new');
    await mkdir(target);
    const found = { folder: own, version: '1.2.3', engines: {}, dependencies: {}, devDependencies: {} };
    t.is(await sourceOf(found, target), expected);
  });
}

test('if the package is in a shared cache, the project of the working folder names the source', async (t) => {
  const folder = await tempFolder(t, { 'packed/j.tgz': '' });
  const own = path.join(folder, 'cache/jackfield.zip/node_modules/jackfield');
  const target = path.join(folder, 'user/new');
  for (const made of [own, target]) await mkdir(made, { recursive: true });
  const manifest = { dependencies: { jackfield: 'file:../packed/j.tgz' } };
  await writeFile(path.join(folder, 'user/package.json'), JSON.stringify(manifest));
  const found = { folder: own, version: '1.2.3', engines: {}, dependencies: {}, devDependencies: {} };
  t.is(await sourceOf(found, target), 'file:../../packed/j.tgz');
});
