/** Reads `test/vectors/exchanges/*.txt`; the README next to them describes the format. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { unescapeText } from '../http/vectors.js';

export interface ExchangeVector {
  readonly file: string;
  readonly title: string;
  /** Latin1; a single one if the vector has no cases. */
  readonly cases: readonly string[];
  readonly answers: readonly Expected[];
  readonly end: 'stays' | 'closes' | 'taken' | 'cut';
}

export interface Expected {
  readonly status: number;
  /** An answer to HEAD. */
  readonly isHead: boolean;
  /** Whether it comes depends on how the octets were split. */
  readonly maybe: boolean;
}

// From dist/test/core/connection.
const FOLDER = path.resolve(import.meta.dirname, '../../../../test/vectors/exchanges');
const PLACE = '\\{}';
const ENDS = ['stays', 'closes', 'taken', 'cut'] as const;

export function readExchangeVectors(): ExchangeVector[] {
  return readdirSync(FOLDER)
    .sort()
    .flatMap((file) => parseExchangeVectors(file, readFileSync(path.join(FOLDER, file), 'utf8')));
}

export function parseExchangeVectors(file: string, text: string): ExchangeVector[] {
  const blocks = text.split(/^== /m).slice(1);
  return blocks.map((block) => parseVector(file, block.split('\n')));
}

function parseVector(file: string, [title = '', ...lines]: string[]): ExchangeVector {
  const wrong = (what: string): Error => new Error(`${file}: ${title}: ${what}`);
  let template = '';
  const cases: string[] = [];
  const expected: string[] = [];
  for (const line of lines) {
    if (line.startsWith('> ')) template += line.slice(2);
    else if (line === '|') cases.push('');
    else if (line.startsWith('| ')) cases.push(line.slice(2));
    else if (line.startsWith('< ')) expected.push(line.slice(2));
    else if (line !== '' && !line.startsWith('#')) throw wrong(line);
  }
  const end = ENDS.find((one) => one === expected.at(-1));
  if (template === '' || end === undefined) throw wrong('it has no octets or no end');
  if (template.includes(PLACE) !== cases.length > 0)
    throw wrong('it has a place without cases, or the other way round');
  return {
    file,
    title,
    cases: (cases.length === 0 ? [''] : cases).map((text) =>
      unescapeText(template.replaceAll(PLACE, () => text)),
    ),
    answers: expected.slice(0, -1).map((line) => {
      const [, word, status] = /^(?:(head|maybe) )?([1-5][0-9][0-9])$/.exec(line) ?? [];
      if (status === undefined) throw wrong(line);
      return { status: Number(status), isHead: word === 'head', maybe: word === 'maybe' };
    }),
    end,
  };
}
