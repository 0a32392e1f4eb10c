import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import { RequestParser } from '../../../core/http/parser.js';
import { judge, LIMITS, octetByOctet } from './judge.js';
import { LAWS } from './parser-laws.js';

/** Enough to find obvious faults; `npm run fuzz` runs longer. */
const RUNS = 300;

for (const { title, property } of LAWS) {
  test(title, (t) => {
    t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
  });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Octets of memory that stay in use. */
function memoryOf(make: () => unknown): number {
  const inUse = (): number => {
    collectGarbage();
    // V8 frees the memory of array buffers in another thread; the next collection waits for that.
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = inUse();
  const kept = make();
  const after = inUse();
  return kept === undefined ? 0 : after - before;
}

test('a connection that has served many requests uses no more memory than one that has served few', (t) => {
  const octets = Buffer.from(
    'POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n'.repeat(
      50,
    ),
  );
  const served = (times: number): number =>
    memoryOf(() => {
      const parser = new RequestParser(LIMITS);
      for (let time = 0; time < times; time++) judge([octets], LIMITS, 'kept', parser);
      return parser;
    });
  served(10);
  // A single garbage collection may leave garbage or remove older garbage; a leak shows every time.
  const least = (times: number): number => Math.max(0, Math.min(...[1, 2, 3, 4].map(() => served(times))));
  const [little, much] = [least(10), least(1_000)];
  // Four octets for each of 50,000 requests: half a pointer.
  t.true(much < little + 200_000, `${little} and ${much}`);
});

test('a head that arrives octet by octet uses memory in proportion to its limit', (t) => {
  const options = { ...LIMITS, maxHeaderSectionOctets: 16_384 };
  const octets = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(16_000)}`);
  const used = memoryOf(() => {
    const parser = new RequestParser(options);
    judge(octetByOctet(octets), options, 'reused', parser);
    return parser;
  });
  t.true(used < 64 * options.maxHeaderSectionOctets, `${used}`);
});
