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

test('every test of an RFC stands in the ledger', (t) => {
  const named = namedInLedger();
  const missing = rfcFiles().flatMap((file) =>
    [...titlesIn(read(file))]
      .filter((title) => named.get(file)?.has(title) !== true)
      .map((title) => `${file}: ${title}`),
  );
  t.deepEqual(missing, []);
});

test('every test of an RFC quotes its section and is written out, so that it can be found', (t) => {
  for (const file of rfcFiles()) {
    const source = read(file);
    const titles = titlesIn(source);
    t.is(source.match(/^\s*test(?:\.\w+)*\(/gm)?.length, titles.size, file);
    for (const title of titles) t.regex(title, /^§\d+(?:\.\d+)*: \S/, file);
  }
});

test('every rule of the ledger says what is done and what shows it', (t) => {
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

/** Titles by file, as the ledger names them: a file in back ticks, then titles in quotation marks. */
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

/** The titles that a source gives its tests as plain literals. */
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

/** The tests run from dist/; the sources stand beside package.json. */
function rootOf(folder: string): string {
  return existsSync(path.join(folder, 'package.json')) ? folder : rootOf(path.dirname(folder));
}
