/** Properties that hold for the parser with any input. The tests run each briefly, the fuzzer for a long time. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ParserOptions, RequestParser } from '../../../core/http/parser.js';
import { MAX_METHOD_OCTETS } from '../../../core/http/request-line.js';
import { cut, judge, LIMITS, MEMORIES, octetByOctet, SLASH_DIALECT } from './judge.js';
import { anyOctets, connectionOf, joined, mutatedRequests } from './requests.js';

export interface Law {
  readonly title: string;
  readonly property: fc.IProperty<unknown>;
}

const GENEROUS: ParserOptions = {
  maxTargetOctets: 8_192,
  maxHeaderSectionOctets: 16_384,
  maxHeaderFields: 100,
  maxBodyOctets: 1_048_576,
};

/** Limits that random requests reach now and then. */
const limits: fc.Arbitrary<ParserOptions> = fc.oneof(
  fc.constant(LIMITS),
  fc.record({
    maxTargetOctets: fc.integer({ min: 1, max: 60 }),
    maxHeaderSectionOctets: fc.integer({ min: 2, max: 200 }),
    maxHeaderFields: fc.integer({ min: 1, max: 6 }),
    maxBodyOctets: fc.nat(60),
  }),
);

const memory = fc.constantFrom(...MEMORIES);

/** Ways to cut octets into pieces. */
const pieces = fc.oneof(
  fc.constant(octetByOctet),
  fc.array(fc.nat(), { minLength: 1, maxLength: 6 }).map(
    (places) => (octets: Buffer) =>
      cut(
        octets,
        places.map((place) => place % (octets.length + 1)),
      ),
  ),
);

/** Usually lengths with the same number of digits, sometimes with blanks or invalid. */
const lengthTexts = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 10, max: 60 }).map(String) },
  { weight: 1, arbitrary: fc.nat(120).map(String) },
  { weight: 2, arbitrary: fc.constantFrom('5 ', ' 5', '\t7', '7\t', '00', '07') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('+5', '5x', '5,', '\xb2\xb2', '', '5\r', '9'.repeat(15), '9'.repeat(16)),
  },
);

/** Header sections as functions of a length, with different fields around it. */
const lengthSections = fc
  .record({
    name: fc.constantFrom('Content-Length', 'content-length'),
    before: fc.constantFrom('', 'X: 10\r\n', 'X: 11\r\n', 'X-Content-Length: 10\r\n'),
    behind: fc.constantFrom('', 'Y: 10\r\n', 'Y: 11\r\n', 'Z: content-length: 10\r\n'),
    blanks: fc.constantFrom('', ' ', '\t '),
  })
  .map(
    ({ name, before, behind, blanks }) =>
      (text: string) =>
        `Host: a\r\n${before}${name}:${blanks}${text}${blanks}\r\n${behind}`,
  );

/** A head in which every line may end in any way. */
const mixedHead = fc.record({
  host: fc.constantFrom('a', 'a/b', 'a/b', 'a b'),
  ends: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant('\r\n') },
      { weight: 3, arbitrary: fc.constant('\n') },
      { weight: 1, arbitrary: fc.constant('\r\r\n') },
    ),
    { minLength: 5, maxLength: 5 },
  ),
  body: fc.constantFrom('', 'x', '\nGET / HTTP/1.1\r\n'),
});

/** The octets of such a head, and the error that the documented rule gives; undefined if the head is accepted. */
function mixedOctets({ host, ends, body }: { host: string; ends: readonly string[]; body: string }) {
  const lines = [
    'POST / HTTP/1.1',
    `Host: ${host}`,
    'Connection: keep-alive',
    `Content-Length: ${body.length}`,
    '',
  ];
  const mayBeLf = (at: number): boolean => host.includes('/') && at > 1;
  const isProper = ends.every((end, at) => end === '\r\n' || (end === '\n' && mayBeLf(at)));
  const fault = host === 'a b' ? 'HOST_INVALID' : undefined;
  return {
    octets: lines.map((line, at) => line + ends[at]!).join('') + body,
    error: isProper ? fault : 'LINE_END_INVALID',
  };
}

function law<T extends [unknown, ...unknown[]]>(
  title: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
): Law {
  return { title, property: fc.property<T>(...arbitraries, check) as fc.IProperty<unknown> };
}

export const LAWS: readonly Law[] = [
  law(
    'pipelined requests are parsed into the parts from which they were built, however they are split',
    [connectionOf(4), pieces, memory],
    (requests, split, how) => {
      const octets = joined(requests);
      const expected = { requests: requests.map(({ parts }) => parts), error: undefined, midRequest: false };
      assert.deepEqual(judge([octets], GENEROUS), expected);
      assert.deepEqual(judge(split(octets), GENEROUS, how), expected);
    },
  ),

  law(
    'any octets give one result, however they are split and whatever happens to their memory',
    [anyOctets, limits, pieces, memory],
    (octets, options, split, how) => {
      const expected = judge([octets], options);
      assert.deepEqual(judge(split(octets), options, how), expected);
      assert.deepEqual(judge(octetByOctet(octets), options, how), expected);
    },
  ),

  law(
    'a bare LF is accepted only after the Host field of a dialect, whatever came before on the connection',
    [fc.array(mixedHead, { minLength: 1, maxLength: 6 }), pieces, memory],
    (heads, split, how) => {
      const mixed = heads.map(mixedOctets);
      const octets = Buffer.from(mixed.map((head) => head.octets).join(''), 'latin1');
      const faulty = mixed.findIndex(({ error }) => error !== undefined);
      const whole = faulty === -1 ? heads : heads.slice(0, faulty);
      const verdict = judge(split(octets), { ...GENEROUS, ...SLASH_DIALECT }, how);
      assert.deepEqual(
        verdict.requests.map(({ body }) => body),
        whole.map(({ body }) => body),
      );
      assert.equal(verdict.error, mixed[faulty]?.error);
    },
  ),

  law(
    'earlier requests of a connection do not change the result',
    [connectionOf(6), mutatedRequests, fc.boolean(), pieces, memory, fc.nat()],
    (before, probe, isRelated, split, how, place) => {
      const parser = new RequestParser(GENEROUS);
      // A header section is remembered from the second request on, so the earlier requests are read one by one.
      for (const { octets } of before) judge([octets], GENEROUS, 'steady', parser);
      const octets = isRelated ? altered(before.at(-1)!.octets, place) : probe;
      assert.deepEqual(judge(split(octets), GENEROUS, how, parser), judge([octets], GENEROUS));
    },
  ),

  law(
    'a section that differs only in Content-Length gives the same result as on a new connection',
    [
      fc.tuple(lengthSections, lengthSections),
      fc.array(fc.tuple(fc.nat(9), lengthTexts), { minLength: 4, maxLength: 20 }),
      memory,
    ],
    (sections, requests, how) => {
      const parser = new RequestParser(LIMITS);
      for (const [which, text] of requests) {
        const section = sections[which === 0 ? 1 : 0];
        const length = /^\s?\d{1,3}\s?$/.test(text) ? Number(text) : 0;
        const head = `POST /a HTTP/1.1\r\n${section(text)}\r\n`;
        const octets = Buffer.from(head + 'x'.repeat(length), 'latin1');
        const expected = judge([octets], LIMITS);
        // In one piece: a section is remembered and found only if all of it is there.
        assert.deepEqual(judge([octets], LIMITS, how, parser), expected);
        if (expected.error !== undefined || expected.midRequest) return;
      }
    },
  ),

  law(
    'a request that never ends is refused before it costs more octets than the limits allow',
    [
      mutatedRequests,
      limits,
      fc.uint8Array({ minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 90 }),
    ],
    (begin, options, again, size) => {
      const parser = new RequestParser(options);
      if (judge([begin], options, 'steady', parser).error !== undefined) return;
      const piece = Buffer.concat(Array.from({ length: Math.ceil(size / again.length) }, () => again));
      const most = mostOctets(options) + piece.length;
      for (let spent = 0; !endsWith(parser, piece); spent += piece.length) {
        assert.ok(spent <= most, `${spent} octets of one request were read, at most ${most} may be`);
      }
    },
  ),
];

/** Whether this piece completes the current request or causes its refusal. */
function endsWith(parser: RequestParser, piece: Buffer): boolean {
  parser.feed(piece);
  for (;;) {
    const event = parser.next();
    if (event === 'complete' || event === 'error') return true;
    if (event === 'need-data') return false;
  }
}

/** The size of the longest request: chunks of one octet have a size of 16 digits and two line ends each. */
function mostOctets({ maxTargetOctets, maxHeaderSectionOctets, maxBodyOctets }: ParserOptions): number {
  const requestLine = 4 * 2 + MAX_METHOD_OCTETS + 1 + maxTargetOctets + ' HTTP/1.1\r\n'.length;
  const chunked = (maxBodyOctets + 1) * (16 + 2 + 1 + 2) + 16_384;
  return requestLine + 2 * maxHeaderSectionOctets + chunked;
}

/** The octets with one of them replaced, removed or added. */
function altered(octets: Buffer, place: number): Buffer {
  const at = Math.floor(place / 3) % octets.length;
  const put = ['x', '', ' '][place % 3]!;
  return Buffer.concat([
    octets.subarray(0, at),
    Buffer.from(put),
    octets.subarray(put === ' ' ? at : at + 1),
  ]);
}
