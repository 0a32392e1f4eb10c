/** What `jackfield new` writes and refuses. The tests in test/service check that the projects pass their own tests. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readConfig } from '../../../core/config/config-file.js';
import { ROOT, readText } from '../../repository.js';
import { tempFolder } from '../temp-folder.js';
import { ran } from './around.js';

async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((one) => one.isFile())
    .map((one) => path.relative(folder, path.join(one.parentPath, one.name)))
    .sort();
}

test('a plugin is written in TypeScript, under a name that the host finds, and the next steps are printed', async (t) => {
  const cwd = await tempFolder(t);
  const printed = [
    'Created jackfield-plugin-tea: jackfield-plugin-tea, a plugin in TypeScript, with tests.',
    'Next: cd jackfield-plugin-tea && npm install && npm test',
    '',
  ];
  t.deepEqual(await ran(['new', 'plugin', 'tea'], cwd), { code: 0, stdout: printed.join('\n'), stderr: '' });
  const folder = path.join(cwd, 'jackfield-plugin-tea');
  t.deepEqual(await filesIn(folder), [
    '.gitignore',
    'README.md',
    'package.json',
    'src/plugin.ts',
    'test/plugin.test.ts',
    'tsconfig.json',
  ]);
  const { name, keywords } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  t.is(name, 'jackfield-plugin-tea');
  t.true(keywords.includes('jackfield-plugin'));
  t.regex(await readFile(path.join(folder, 'src/plugin.ts'), 'utf8'), /name: 'tea'/);
});

test('no project has a placeholder left, and every version range is one that jackfield itself uses', async (t) => {
  const cwd = await tempFolder(t);
  const own = JSON.parse(await readText('package.json'));
  for (const kind of ['plugin', 'adapter', 'server']) {
    for (const language of ['ts', 'js']) {
      const folder = `${kind}-${language}`;
      t.is((await ran(['new', kind, 'tea-pot', `--${language}`, '--folder', folder], cwd)).code, 0);
      for (const file of await filesIn(path.join(cwd, folder))) {
        const text = await readFile(path.join(cwd, folder, file), 'utf8');
        t.notRegex(text, /__|"\*"/, `${folder}/${file}`);
      }
      const { engines, dependencies, peerDependencies, devDependencies } = JSON.parse(
        await readFile(path.join(cwd, folder, 'package.json'), 'utf8'),
      );
      t.deepEqual(engines, own.engines);
      t.deepEqual(peerDependencies, kind === 'server' ? undefined : { jackfield: `^${own.version}` });
      for (const [name, range] of Object.entries<string>({ ...dependencies, ...devDependencies })) {
        // The command runs from a clone of the repository, so the dependency is that folder.
        if (name === 'jackfield') t.is(path.resolve(cwd, folder, range.replace(/^file:/, '')), ROOT);
        else t.is(range, own.dependencies[name] ?? own.devDependencies[name], name);
      }
    }
  }
});

test('the configuration of a server is valid, with the plugin beside it', async (t) => {
  const cwd = await tempFolder(t);
  await ran(['new', 'server', 'tea-house', '--js'], cwd);
  const { config, file } = await readConfig(undefined, path.join(cwd, 'tea-house'));
  t.is(file, 'jackfield.config.json');
  t.deepEqual(config.plugins?.at(-1), { use: './plugins/greet.js', options: { greeting: 'Welcome' } });
});

test('the whole package name works like the short one', async (t) => {
  const cwd = await tempFolder(t);
  await ran(['new', 'adapter', 'jackfield-adapter-shelf', '--js'], cwd);
  const text = await readFile(path.join(cwd, 'jackfield-adapter-shelf/adapter.js'), 'utf8');
  t.regex(text, /name: 'shelf'/);
});

test('a scope is in the package name and in the configuration, but not in folder, name and paths', async (t) => {
  const cwd = await tempFolder(t);
  const { stdout } = await ran(['new', 'plugin', '@me/tea', '--js'], cwd);
  t.regex(stdout, /^Created jackfield-plugin-tea: @me\/jackfield-plugin-tea, a plugin/);
  const folder = path.join(cwd, 'jackfield-plugin-tea');
  t.is(
    JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')).name,
    '@me/jackfield-plugin-tea',
  );
  const code = await readFile(path.join(folder, 'plugin.js'), 'utf8');
  t.regex(code, /name: 'tea'/);
  t.regex(code, /'\/tea\/:who'/);
  const readme = await readFile(path.join(folder, 'README.md'), 'utf8');
  t.regex(readme, /"use": "@me\/tea"/);
  t.regex(readme, /npm install @me\/jackfield-plugin-tea/);
  await ran(['new', 'adapter', '@me/jackfield-adapter-shelf', '--js', '--folder', 'shelf'], cwd);
  const adapter = JSON.parse(await readFile(path.join(cwd, 'shelf/package.json'), 'utf8'));
  t.is(adapter.name, '@me/jackfield-adapter-shelf');
  await ran(['new', 'server', '@me/zod', '--js'], cwd);
  t.is(JSON.parse(await readFile(path.join(cwd, 'zod/package.json'), 'utf8')).name, '@me/zod');
});

test('a folder that is not empty is refused and unchanged; .git alone does not count', async (t) => {
  const cwd = await tempFolder(t, { 'full/notes.txt': 'mine' });
  t.deepEqual(await ran(['new', 'plugin', 'tea', '--folder', 'full'], cwd), {
    code: 1,
    stdout: '',
    stderr:
      'jackfield: The project cannot be written: the folder full is not empty, it has notes.txt. Empty it, or choose another with --folder. [PROJECT_NOT_WRITTEN]\n',
  });
  t.deepEqual(await filesIn(path.join(cwd, 'full')), ['notes.txt']);
  await mkdir(path.join(cwd, 'begun/.git'), { recursive: true });
  const { code, stdout } = await ran(['new', 'plugin', 'tea', '--folder', '.'], path.join(cwd, 'begun'));
  t.is(code, 0);
  t.regex(stdout, /^Created \.: .*\nNext: npm install && npm test\n$/);
});

test('a file in place of the folder is reported', async (t) => {
  const cwd = await tempFolder(t);
  await writeFile(path.join(cwd, 'tea-house'), '');
  const { code, stderr } = await ran(['new', 'server', 'tea-house'], cwd);
  t.is(code, 1);
  t.regex(
    stderr,
    /^jackfield: The project cannot be written: EEXIST: .*tea-house' \[PROJECT_NOT_WRITTEN\]\n$/,
  );
});

test('invalid names and kinds are refused before anything is written', async (t) => {
  const cwd = await tempFolder(t);
  const letters =
    'A name begins with a small letter and has only small letters, digits, "-", "." and "_", not';
  const sentences: readonly (readonly [readonly string[], string])[] = [
    [['plugin'], '"jackfield new" needs NAME.'],
    [[], '"jackfield new" needs plugin|adapter|server.'],
    [['plgin', 'x'], '"jackfield new" cannot create "plgin"; did you mean plugin?'],
    [['lamp', 'x'], '"jackfield new" cannot create "lamp"; there are plugin, adapter, server.'],
    [['plugin', 'Tea Pot'], `${letters} "Tea Pot"; did you mean tea-pot?`],
    [['plugin', '../tea'], `${letters} "../tea"; did you mean tea?`],
    [['plugin', '.'], `${letters} ".".`],
    [['plugin', '@me/Tea'], `${letters} "@me/Tea"; did you mean @me/tea?`],
    [['plugin', '@/tea'], `${letters} "@/tea".`],
    [['plugin', '@me/tea/pot'], `${letters} "@me/tea/pot"; did you mean @me/tea-pot?`],
    [['plugin', "it's"], `${letters} "it's"; did you mean it-s?`],
    [['server', 'zod'], 'A server cannot be called "zod", because it needs a package with that name.'],
    [['plugin', 'x'.repeat(200)], `${letters} "${'x'.repeat(200)}".`],
    [['plugin', 'x', '--ts', '--js'], 'Choose one language: --ts or --js, not both.'],
  ];
  for (const [given, sentence] of sentences) {
    const { code, stdout, stderr } = await ran(['new', ...given], cwd);
    t.deepEqual([code, stdout], [2, ''], sentence);
    t.true(stderr.startsWith(`jackfield: ${sentence}`), stderr);
    t.true(stderr.endsWith(' [USAGE]\n'), stderr);
  }
  t.deepEqual(await readdir(cwd), []);
});
