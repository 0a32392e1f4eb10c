/** Frames of a journal: the line of any commit is JSON after numbers, and is read back unchanged. */
import test from 'ava';
import fc from 'fast-check';
import type { WatchedChange } from '../../../core/storage/contract.js';
import { frameIn, frameLine, hex } from '../../../storage-adapters/json-file/frame.js';

/** Complete characters of every plane, with more escaped ones than chance would give. */
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\0', '\u001f', '\u007f', '\u2028', 'a', 'é', '😀') }),
);
const numbers = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

const changes: fc.Arbitrary<WatchedChange> = numbers.chain((revision) =>
  fc.record({
    revision: fc.constant(revision),
    puts: fc.array(
      fc.record(
        { key: texts, value: texts, created: numbers, revision: fc.constant(revision), expiresAt: numbers },
        { requiredKeys: ['key', 'value', 'created', 'revision'] },
      ),
      { maxLength: 4 },
    ),
    deletes: fc.array(texts, { maxLength: 3 }),
  }),
);

test('a frame is one line in the format of FORMAT.md, and is read back unchanged', (t) => {
  const property = fc.property(changes, numbers, fc.nat(0xffffffff), (change, durable, salt) => {
    const line = frameLine(change, durable, salt);
    t.is(line.indexOf('\n'), line.length - 1);
    const { put, delete: gone } = bodyOf(change);
    t.is(
      line.slice(9, -1),
      `${change.revision} ${durable} ${JSON.stringify({ ...(put.length > 0 && { put }), ...(gone.length > 0 && { delete: gone }) })}`,
    );
    t.deepEqual(frameIn(Buffer.from(line).subarray(0, -1), salt), {
      sequence: change.revision,
      durable,
      change,
    });
  });
  t.notThrows(() => fc.assert(property, { numRuns: 300 }));
});

function bodyOf({ puts, deletes }: WatchedChange) {
  const put = puts.map(({ key, value, created, expiresAt }) =>
    expiresAt === undefined ? [key, value, created] : [key, value, created, expiresAt],
  );
  return { put, delete: deletes };
}

test('a number of 32 bits has eight digits', (t) => {
  for (const [number, digits] of [
    [0, '00000000'],
    [0x0a_0b_0c_0d, '0a0b0c0d'],
    [0xff_ff_ff_ff, 'ffffffff'],
    [0x80_00_00_01, '80000001'],
  ] as const) {
    t.is(hex(number), digits);
  }
});
