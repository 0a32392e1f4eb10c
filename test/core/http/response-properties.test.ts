import test from 'ava';
import fc from 'fast-check';
import { HeadMemo } from '../../../core/http/response-parser.js';
import { cut, MEMORIES, octetByOctet } from './judge.js';
import { judgeResponse } from './response-judge.js';

const LIMITS = { maxHeaderSectionOctets: 16_384, maxHeaderFields: 1_000 };
const text = (characters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });
const octets = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const fields = fc.array(fc.tuple(text('Xx-_1', 1, 6), text('abc ,;="\t\xff', 0, 8)), { maxLength: 4 });

/** A response that is valid, and what it is made of. */
const built = fc
  .record({
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    reason: text('abc \t\xe9', 0, 6),
    fields,
    body: octets(40),
    sizes: fc.option(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 9 }), { nil: undefined }),
    trailers: fields,
  })
  .map(({ status, reason, fields: lines, body, sizes, trailers }) => {
    const shown = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const chunks: string[] = [];
    for (let at = 0, turn = 0; sizes !== undefined && at < body.length; turn++) {
      const size = sizes[turn] ?? body.length - at;
      const chunk = body.slice(at, at + size);
      chunks.push(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      at += size;
    }
    const ends = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const framed =
      sizes === undefined
        ? `Content-Length: ${body.length}\r\n\r\n${body}`
        : `Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n${ends}\r\n`;
    return {
      octets: Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${shown}${framed}`, 'latin1'),
      head: `head ${status} 1.1 ${reason}`.trimEnd(),
      body,
    };
  });

const pieces = fc.oneof(
  fc.constant(octetByOctet),
  fc.array(fc.nat(), { minLength: 1, maxLength: 6 }).map(
    (places) => (whole: Buffer) =>
      cut(
        whole,
        places.map((place) => place % (whole.length + 1)),
      ),
  ),
);
const memory = fc.constantFrom(...MEMORIES);

test('responses are read as the parts that each was built from, however they are split', (t) => {
  fc.assert(
    fc.property(fc.array(built, { minLength: 1, maxLength: 4 }), pieces, memory, (responses, split, how) => {
      const whole = Buffer.concat(responses.map((response) => response.octets));
      const { events } = judgeResponse(split(whole), {
        limits: LIMITS,
        memory: how,
        memo: new HeadMemo(),
        responses: responses.length,
      });
      const said = events.filter((line) => /^(?:head|data|complete|error|incomplete)/.test(line));
      const expected = responses.flatMap(({ head, body }) => [
        head,
        ...(body === '' ? [] : [`data ${body}`]),
        'complete',
      ]);
      t.deepEqual(said, expected);
    }),
    { numRuns: 300 },
  );
});

/** A valid response with some octets changed. */
const mutated = fc
  .tuple(
    built,
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('', ' ', '\r', '\n', ':', '0', 'x', '\0')), { maxLength: 4 }),
  )
  .map(([{ octets: whole }, changes]) => {
    let latin1 = whole.toString('latin1');
    for (const [place, put] of changes) {
      const at = place % latin1.length;
      latin1 = latin1.slice(0, at) + put + latin1.slice(at + 1);
    }
    return Buffer.from(latin1, 'latin1');
  });

test('any octets have one verdict, however they are split and whatever was read before', (t) => {
  const limits = { maxHeaderSectionOctets: 60, maxHeaderFields: 4 };
  fc.assert(
    fc.property(mutated, mutated, pieces, memory, (before, whole, split, how) => {
      const expected = judgeResponse([whole], { limits }).events;
      const memo = new HeadMemo();
      judgeResponse([before], { limits, memo });
      t.deepEqual(judgeResponse(split(whole), { limits, memory: how, memo }).events, expected);
      t.deepEqual(judgeResponse(octetByOctet(whole), { limits }).events, expected);
      judgeResponse([whole], { limits, memo });
      t.deepEqual(judgeResponse([whole], { limits, memo }).events, expected);
    }),
    { numRuns: 500 },
  );
});
