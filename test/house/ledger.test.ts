import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

const root = rootOf(import.meta.dirname);
const LEDGER = 'docs/rfc-ledger.md';
const ROOMS = ['test/rfc9112', 'test/rfc9110'];

test('every test that the RFC ledger names exists', (t) => {
  const lost = [...namedInLedger()].filter(([file, titles]) => {
    const known = titlesIn(read(file));
    return [...titles].some((title) => !known.has(title));
  });
  t.deepEqual(lost, []);
});

test('the ledger names every test of an RFC', (t) => {
  const named = namedInLedger();
  const missing = rfcFiles().flatMap((file) =>
    [...titlesIn(read(file))]
      .filter((title) => named.get(file)?.has(title) !== true)
      .map((title) => `${file}: ${title}`),
  );
  t.deepEqual(missing, []);
});

test('the title of every test of an RFC begins with its section and is a plain literal', (t) => {
  for (const file of rfcFiles()) {
    const source = read(file);
    const titles = titlesIn(source);
    t.is(source.match(/^\s*test(?:\.\w+)*\(/gm)?.length, titles.size, file);
    for (const title of titles) t.regex(title, /^§\d+(?:\.\d+)*: \S/, file);
  }
});

test('every row of the ledger has an implementation and its tests', (t) => {
  const rows = read(LEDGER)
    .split('\n')
    .filter((line) => /^\| \d/.test(line));
  t.true(rows.length > 100);
  for (const row of rows) {
    const cells = row.slice(1, -1).split(' | ');
    t.is(cells.length, 5, row);
    t.true(
      cells.every((cell) => cell.trim() !== ''),
      row,
    );
  }
});

/** The titles that the ledger names, by file: a file in backticks, then titles in quotation marks. */
function namedInLedger(): Map<string, Set<string>> {
  const named = new Map<string, Set<string>>();
  for (const [, file = '', titles = ''] of read(LEDGER).matchAll(
    /`(test\/[^`]+\.test\.ts)`((?: “[^”]+”)+)/g,
  )) {
    const known = named.get(file) ?? new Set();
    for (const [, title = ''] of titles.matchAll(/“([^”]+)”/g)) known.add(title);
    named.set(file, known);
  }
  return named;
}

/** The titles of the tests in a source, if they are plain literals. */
function titlesIn(source: string): Set<string> {
  const literal = /\btest(?:\.\w+)*\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;
  return new Set(
    Array.from(source.matchAll(literal), ([, single, double]) =>
      (single ?? double ?? '').replaceAll(/\\(.)/g, '$1'),
    ),
  );
}

function rfcFiles(): string[] {
  return ROOMS.flatMap((room) =>
    readdirSync(path.join(root, room))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `${room}/${name}`),
  );
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** The tests run from dist/; the sources are beside package.json. */
function rootOf(folder: string): string {
  return existsSync(path.join(folder, 'package.json')) ? folder : rootOf(path.dirname(folder));
}
