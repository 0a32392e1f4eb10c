/** Checks package.json, lock files and the tables of the README. */
import { access, constants } from 'node:fs/promises';
import test from 'ava';
import { listBuiltIn } from '../../core/extensions/find-extension.js';
import { PLUGINS } from '../../core/plugin-host/load-plugins.js';
import { ADAPTERS } from '../../core/storage/find-adapter.js';
import { MAIN, readText } from '../repository.js';

test('every built-in plugin and adapter has its own export', async (t) => {
  const doors = [
    ...(await listBuiltIn(PLUGINS)).map((name) => `jackfield/plugins/${name}`),
    ...(await listBuiltIn(ADAPTERS)).map((name) => `jackfield/storage-adapters/${name}`),
  ];
  t.true(doors.length >= 11);
  for (const door of doors) {
    const { default: made }: { default: { name: string } } = await import(door);
    t.is(made.name, door.slice(door.lastIndexOf('/') + 1));
  }
});

test('every built-in plugin and adapter is in a table of the README, or in one of docs/batteries.md', async (t) => {
  const readme = (await readText('README.md')) + (await readText('docs/batteries.md'));
  for (const name of [...(await listBuiltIn(PLUGINS)), ...(await listBuiltIn(ADAPTERS))]) {
    t.regex(readme, new RegExp(`^\\| \\[?\`${name}\``, 'm'));
  }
});

test('the command can be run as a program, so that npx finds it in the repository too', async (t) => {
  await t.notThrowsAsync(access(MAIN, constants.X_OK));
});

test('no lock file names an address to download from', async (t) => {
  for (const file of ['package-lock.json', 'bench/package-lock.json']) {
    t.notRegex(await readText(file), /"resolved"|https?:\/\/[^"]*\.tgz/, file);
  }
});

test('the lock file names the packages of every platform, so that a clean install works on each', async (t) => {
  const { packages }: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } =
    JSON.parse(await readText('package-lock.json'));
  const named = Object.values(packages).flatMap((one) => Object.keys(one.optionalDependencies ?? {}));
  t.deepEqual(
    named.filter((name) => packages[`node_modules/${name}`] === undefined),
    [],
  );
});
