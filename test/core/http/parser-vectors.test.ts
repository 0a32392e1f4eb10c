import test from 'ava';
import { cut, judge, MEMORIES, octetByOctet } from './judge.js';
import { eventsOf, parseVectors, readVectors, unescapeText, type Vector } from './vectors.js';

const NEXT = Buffer.from('GET /next HTTP/1.1\r\nHost:n\r\n\r\n');
const NEXT_EVENTS = ['head GET /next 1.1', 'host n', 'field Host: n', 'complete'];

/** Places to cut at: all of them for short input; otherwise those near the ends and line ends, and some between. */
function places(octets: Buffer): number[] {
  const all = Array.from(octets.keys());
  if (octets.length <= 2_000) return all;
  const isNear = (at: number): boolean =>
    at < 200 || at > octets.length - 50 || at % 997 === 0 || octets.subarray(at - 2, at + 2).includes('\n');
  return all.filter(isNear);
}

/** The result of each way to read the octets. */
function* readings({ octets, options }: Pick<Vector, 'octets' | 'options'>) {
  for (const memory of MEMORIES) {
    yield { how: `whole, ${memory}`, verdict: judge([octets], options, memory) };
    yield { how: `octet by octet, ${memory}`, verdict: judge(octetByOctet(octets), options, memory) };
    for (const place of places(octets)) {
      yield { how: `cut at ${place}, ${memory}`, verdict: judge(cut(octets, [place]), options, memory) };
    }
  }
}

const vectors = readVectors();

for (const vector of vectors) {
  test(`${vector.file} › ${vector.title}`, (t) => {
    const isGood = vector.events.at(-1) === 'complete';
    const expected = vector.events.map((line) => line.trimEnd());
    for (const { how, verdict } of readings(vector)) {
      t.deepEqual(eventsOf(verdict, vector.events), expected, how);
    }
    if (!isGood) return;
    const followed = { ...vector, octets: Buffer.concat([vector.octets, NEXT]) };
    for (const { how, verdict } of readings(followed)) {
      const events = [...vector.events, ...NEXT_EVENTS];
      t.deepEqual(
        eventsOf(verdict, events),
        [...expected, ...NEXT_EVENTS],
        `${how}, with another request after it`,
      );
    }
  });

  if (vector.events.at(-1)?.startsWith('error ')) {
    test(`${vector.file} › ${vector.title} › and nothing after it is read`, (t) => {
      const [octets, expected] = [
        Buffer.concat([vector.octets, NEXT]),
        vector.events.map((line) => line.trimEnd()),
      ];
      t.deepEqual(eventsOf(judge([octets], vector.options), vector.events), expected);
      t.deepEqual(eventsOf(judge(octetByOctet(octets), vector.options), vector.events), expected);
    });
  }
}

test('there are vectors, and each has a unique title that names a section', (t) => {
  t.true(vectors.length > 150);
  t.is(new Set(vectors.map(({ title }) => title)).size, vectors.length);
  t.deepEqual(
    vectors.filter(({ title }) => !/^RFC \d{4} §[\d.]+: \S/.test(title)),
    [],
  );
});

test('escapes and repeated groups of a vector become octets', (t) => {
  t.is(unescapeText('a\\r\\n\\t\\\\\\x00\\xff*2)'), 'a\r\n\t\\\0\xff*2)');
  t.is(unescapeText('\\(ab*3)c'), 'abababc');
  t.is(unescapeText('\\(a\\(b*2)\\n*2)'), 'abb\nabb\n');
  t.throws(() => unescapeText('\\q'));
  t.throws(() => unescapeText('\\(a'));
});

test('an unknown line in a vector is an error', (t) => {
  t.throws(() => parseVectors('x.txt', '== RFC 1 §1: a\n> a\n< incomplete\nwhat\n'));
  t.throws(() => parseVectors('x.txt', '== RFC 1 §1: a\nlimits none=1\n> a\n< incomplete\n'));
  t.throws(() => parseVectors('x.txt', '== RFC 1 §1: a\n> a\n'));
});
