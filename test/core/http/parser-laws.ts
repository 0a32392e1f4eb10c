/** What holds of the parser whatever it is fed, each as a property: tried briefly by the tests, at length by the fuzzer. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ParserOptions, RequestParser } from '../../../core/http/parser.js';
import { MAX_METHOD_OCTETS } from '../../../core/http/request-line.js';
import { cut, judge, LIMITS, MEMORIES, octetByOctet } from './judge.js';
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

/** Limits that the requests at random reach now and then. */
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

/** Ways to cut octets to pieces. */
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

function law<T extends [unknown, ...unknown[]]>(
  title: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
): Law {
  return { title, property: fc.property<T>(...arbitraries, check) as fc.IProperty<unknown> };
}

export const LAWS: readonly Law[] = [
  law(
    'pipelined requests are read as the parts that each was built from, however they are split',
    [connectionOf(4), pieces, memory],
    (requests, split, how) => {
      const octets = joined(requests);
      const expected = { requests: requests.map(({ parts }) => parts), error: undefined, midRequest: false };
      assert.deepEqual(judge([octets], GENEROUS), expected);
      assert.deepEqual(judge(split(octets), GENEROUS, how), expected);
    },
  ),

  law(
    'any octets have one verdict, however they are split and whatever becomes of the memory they were in',
    [anyOctets, limits, pieces, memory],
    (octets, options, split, how) => {
      const expected = judge([octets], options);
      assert.deepEqual(judge(split(octets), options, how), expected);
      assert.deepEqual(judge(octetByOctet(octets), options, how), expected);
    },
  ),

  law(
    'what a connection has seen before changes no verdict',
    [connectionOf(6), mutatedRequests, fc.boolean(), pieces, memory, fc.nat()],
    (before, probe, isRelated, split, how, place) => {
      const parser = new RequestParser(GENEROUS);
      // From the second request on a header section is remembered; so the history is read request by request.
      for (const { octets } of before) judge([octets], GENEROUS, 'steady', parser);
      const octets = isRelated ? altered(before.at(-1)!.octets, place) : probe;
      assert.deepEqual(judge(split(octets), GENEROUS, how, parser), judge([octets], GENEROUS));
    },
  ),

  law(
    'a request that does not come to its end is refused before it has cost more octets than the limits allow',
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

/** Whether the request under way is complete or refused with this piece. */
function endsWith(parser: RequestParser, piece: Buffer): boolean {
  parser.feed(piece);
  for (;;) {
    const event = parser.next();
    if (event === 'complete' || event === 'error') return true;
    if (event === 'need-data') return false;
  }
}

/** What the longest request has: chunks of one octet have a size of 16 digits and two line ends each. */
function mostOctets({ maxTargetOctets, maxHeaderSectionOctets, maxBodyOctets }: ParserOptions): number {
  const requestLine = 4 * 2 + MAX_METHOD_OCTETS + 1 + maxTargetOctets + ' HTTP/1.1\r\n'.length;
  const chunked = (maxBodyOctets + 1) * (16 + 2 + 1 + 2) + 16_384;
  return requestLine + 2 * maxHeaderSectionOctets + chunked;
}

/** The octets with one of them another, missing or more. */
function altered(octets: Buffer, place: number): Buffer {
  const at = Math.floor(place / 3) % octets.length;
  const put = ['x', '', ' '][place % 3]!;
  return Buffer.concat([
    octets.subarray(0, at),
    Buffer.from(put),
    octets.subarray(put === ' ' ? at : at + 1),
  ]);
}
