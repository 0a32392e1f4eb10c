/** The repository must work on every machine: no download addresses, no folders of one machine. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ROOT, readText } from '../repository.js';

/** Generated, or large and not ours. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git']);
const BINARY = /\.(?:png|jpe?g|ico|gif|woff2?)$/;

/** The files of the repository; with git, those that git tracks. */
async function files(): Promise<string[]> {
  const listed = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: ROOT }).then(
    ({ stdout }) => stdout.split('\0').filter((file) => file !== ''),
    async () => (await walk('')).flat(),
  );
  return listed.filter((file) => !BINARY.test(file));
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(path.join(ROOT, folder), { withFileTypes: true });
  const found = entries.map((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [file];
    return LEFT_OUT.has(entry.name) ? [] : walk(file);
  });
  return (await Promise.all(found)).flat();
}

/** Folders of one machine or temporary files of one run. The names are in pieces, so that this file passes too. */
const MACHINE = new RegExp(
  `(?<![\\w.~-])/(?:${['home', 'Users', 'root', 'work'].join('|')})/[\\w.-]+/[\\w.-]|[A-Z]:\\\\Users\\\\`,
);
/** Addresses of packages. */
const DOWNLOAD = new RegExp(`https?://[^\\s"']*(?:${['registry.', 'verdaccio', '\\.tgz'].join('|')})`);

test('no file names a folder of one machine or an address to download packages from', async (t) => {
  const all = await files();
  t.true(all.length > 100);
  for (const file of all) {
    const text = await readText(file).catch(() => '');
    t.is(MACHINE.exec(text)?.[0], undefined, file);
    t.is(DOWNLOAD.exec(text)?.[0], undefined, file);
  }
});

test('the patterns find such folders and addresses', (t) => {
  t.regex(`cat ${['', 'home', 'ada', 'x'].join('/')}`, MACHINE);
  t.notRegex('GET /work/1 HTTP/1.1', MACHINE);
  t.regex(`https://${'registry.'}example.org/a`, DOWNLOAD);
});
