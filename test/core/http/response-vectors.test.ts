import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { HeadMemo } from '../../../core/http/response-parser.js';
import { cut, MEMORIES, octetByOctet } from './judge.js';
import { judgeResponse, RESPONSE_LIMITS, type Way } from './response-judge.js';
import { unescapeText } from './vectors.js';

interface Vector {
  readonly title: string;
  readonly way: Way;
  readonly octets: Buffer;
  readonly isLast: boolean;
  readonly events: readonly string[];
}

// From dist/test/core/http.
const FILE = path.resolve(import.meta.dirname, '../../../../test/vectors/responses/responses.txt');
const NEXT = Buffer.from('HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n');

function parseVector(block: string): Vector {
  const [title = '', ...lines] = block.split('\n');
  let octets = '';
  let isLast = false;
  let way: Way = {};
  const events: string[] = [];
  for (const line of lines) {
    if (line.startsWith('> ')) octets += unescapeText(line.slice(2));
    else if (line.startsWith('< ')) events.push(unescapeText(line.slice(2)).trimEnd());
    else if (line === 'last') isLast = true;
    else if (line === 'ended') way = { ...way, ended: true };
    else if (line.startsWith('method ')) way = { ...way, method: line.slice(7) };
    else if (line.startsWith('limits maxHeaderSectionOctets='))
      way = { ...way, limits: { ...RESPONSE_LIMITS, maxHeaderSectionOctets: Number(line.split('=')[1]) } };
    else if (line !== '') throw new Error(`${title}: ${line}`);
  }
  if (octets === '' || events.length === 0) throw new Error(`${title} has no octets or no events`);
  return { title, way, octets: Buffer.from(octets, 'latin1'), isLast, events };
}

const IS_DETAIL = /^(?:field|framing|persistent) /;

/** What the parser said, as far as the vector speaks of it. */
function asked(events: readonly string[], expected: readonly string[]): string[] {
  const words = expected.filter((line) => IS_DETAIL.test(line)).map((line) => line.split(' ', 1)[0]!);
  return events.filter((line) => !IS_DETAIL.test(line) || words.includes(line.split(' ', 1)[0]!));
}

/** Of several heads a vector may describe one: the details of the others are left out. */
function comparable(events: readonly string[], expected: readonly string[]): string[] {
  const said = asked(events, expected);
  if (expected.filter((line) => line.startsWith('head ')).length < 2) return said;
  return said.filter((line) => !IS_DETAIL.test(line) || expected.includes(line));
}

function* piecesOf(octets: Buffer): Generator<readonly [how: string, pieces: Iterable<Buffer>]> {
  yield ['whole', [octets]];
  yield ['octet by octet', octetByOctet(octets)];
  const step = octets.length > 1_000 ? 97 : 1;
  for (let at = 0; at < octets.length; at += step) yield [`cut at ${at}`, cut(octets, [at])];
}

const vectors = readFileSync(FILE, 'utf8').split(/^== /m).slice(1).map(parseVector);

for (const { title, way, octets, isLast, events } of vectors) {
  test(title, (t) => {
    for (const memory of MEMORIES)
      for (const [how, pieces] of piecesOf(octets)) {
        const judged = judgeResponse(pieces, { ...way, memory });
        t.deepEqual(comparable(judged.events, events), [...events], `${how}, ${memory}`);
        if (events.at(-1) === 'complete')
          t.is(
            judged.parser.isLast || !judged.parser.head!.persistent,
            isLast || !judged.parser.head!.persistent,
          );
      }
    if (events.at(-1) !== 'complete' || isLast) return;
    const followed = Buffer.concat([octets, NEXT]);
    const expected = [...events, 'head 299 1.1 Next', 'complete'];
    const next: Way = { ...way, responses: 2, method: way.method ?? 'GET' };
    for (const memory of MEMORIES)
      for (const [how, pieces] of piecesOf(followed)) {
        const judged = judgeResponse(pieces, { ...next, memory });
        const said = judged.events.filter((line) => !IS_DETAIL.test(line));
        const wanted = expected.filter((line) => !IS_DETAIL.test(line));
        t.deepEqual(said, wanted, `${how}, ${memory}, with the next behind it`);
      }
  });

  test(`${title} › after the same head was read before`, (t) => {
    const memo = new HeadMemo();
    judgeResponse([octets], { ...way, memo });
    const judged = judgeResponse([octets], { ...way, memo });
    t.deepEqual(comparable(judged.events, events), [...events]);
  });
}

test('there are vectors, each has a title of its own that names a section', (t) => {
  t.true(vectors.length > 40);
  t.is(new Set(vectors.map(({ title }) => title)).size, vectors.length);
  t.deepEqual(
    vectors.filter(({ title }) => !/^RFC \d{4} §[\d.]+: \S/.test(title)),
    [],
  );
});
