/** One octet of a journal flipped, removed or doubled, at every place: each gets the right verdict. */
import { cp, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { WatchedChange } from '../../../core/storage/contract.js';
import { frameLine, HEADER_OCTETS, headerLine } from '../../../storage-adapters/json-file/frame.js';
import { readJournal } from '../../../storage-adapters/json-file/read-journal.js';
import { freshFolder, opened, outcomeOf, puts, storedIn } from './helpers.js';

const SALT = 0x1234abcd;
const change = (revision: number): WatchedChange => ({
  revision,
  puts:
    revision % 3 === 0
      ? []
      : [{ key: `k${revision}`, value: `"é\n${revision}`, created: revision, revision }],
  deletes: revision % 3 === 2 ? ['gone'] : [],
});
/** The batches, by the revisions of their commits; each was on disk before the next was written. */
const BATCHES = [[1], [2, 3], [4], [5, 6, 7], [8]];

const lines: string[] = [headerLine({ salt: SALT, after: 0, created: 0 })];
for (const [at, batch] of BATCHES.entries()) {
  const durable = BATCHES[at - 1]?.at(-1) ?? 0;
  for (const revision of batch) lines.push(frameLine(change(revision), durable, SALT));
}
const whole = Buffer.from(lines.join(''));
/** `ends[n]` is the end of the frame with sequence n; `ends[0]` the end of the header. */
const ends: number[] = [];
for (let at = 0, line = 0; line < lines.length; line += 1) {
  at += Buffer.byteLength(lines[line]!);
  ends.push(at);
}
const LAST = 8;
const LAST_BATCH = 8;

/** The sequence of the frame with this octet; 0 for the header. */
const sequenceAt = (at: number) => ends.findIndex((end) => at < end);
const read = (octets: Buffer) => {
  const found: number[] = [];
  const reading = readJournal(octets, (frame) => found.push(frame.sequence));
  return { ...reading, found };
};
const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);

/**
 * Checks that the frames before this one are read, and that the frame is damaged if a later frame proves that it was on
 * disk, otherwise torn.
 */
function judged(
  t: ExecutionContext,
  octets: Buffer,
  sequence: number,
  what: string,
  isKnown = sequence < LAST_BATCH,
): void {
  const { verdict, found, goodOctets } = read(octets);
  t.is(verdict, isKnown ? 'damaged' : 'torn', what);
  t.deepEqual(found, upTo(sequence - 1), what);
  t.is(goodOctets, ends[sequence - 1] ?? 0, what);
}

test('the undamaged journal is whole', (t) => {
  const { verdict, found } = read(whole);
  t.is(verdict, 'whole');
  t.deepEqual(found, upTo(LAST));
});

for (const mask of [0x01, 0x20, 0x80, 0xff]) {
  test(`an octet flipped by ${mask} is damage if its record is known to have been stored, otherwise a torn tail`, (t) => {
    for (let at = HEADER_OCTETS; at < whole.length; at += 1) {
      const octets = Buffer.from(whole);
      octets[at] = whole[at]! ^ mask;
      judged(t, octets, sequenceAt(at), `octet ${at}`);
    }
    for (let at = 0; at < HEADER_OCTETS; at += 1) {
      const octets = Buffer.from(whole);
      octets[at] = whole[at]! ^ mask;
      t.is(read(octets).verdict, 'damaged', `octet ${at} of the header`);
      t.deepEqual(read(octets).found, []);
    }
  });
}

test('any octet replaced by a line end, or a line end by another octet, is detected', (t) => {
  for (let at = HEADER_OCTETS; at < whole.length; at += 1) {
    const octets = Buffer.from(whole);
    octets[at] = octets[at] === 0x0a ? 0x20 : 0x0a;
    judged(t, octets, sequenceAt(at), `octet ${at}`);
  }
});

test('a removed octet is detected', (t) => {
  for (let at = HEADER_OCTETS; at < whole.length; at += 1) {
    const octets = Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]);
    judged(t, octets, sequenceAt(at), `octet ${at}`);
  }
});

test('a doubled octet is detected', (t) => {
  for (let at = HEADER_OCTETS; at < whole.length; at += 1) {
    const octets = Buffer.concat([whole.subarray(0, at + 1), whole.subarray(at)]);
    const sequence = sequenceAt(at);
    // A doubled line end leaves its own record whole; the empty line is before the next record.
    if (whole[at] !== 0x0a) judged(t, octets, sequence, `octet ${at}`);
    else if (sequence < LAST) judged(t, octets, sequence + 1, `line end ${at}`);
    else t.is(read(octets).verdict, 'torn');
  }
});

test('a journal cut at any octet has the records before the cut and is never damaged, because a crash leaves the same', (t) => {
  for (let size = HEADER_OCTETS; size < whole.length; size += 1) {
    const { verdict, found } = read(whole.subarray(0, size));
    const last = sequenceAt(size) - 1;
    t.deepEqual(found, upTo(last), `cut at ${size}`);
    t.is(verdict, ends.includes(size) ? 'whole' : 'torn', `cut at ${size}`);
  }
  for (let size = 0; size < HEADER_OCTETS; size += 1) t.is(read(whole.subarray(0, size)).verdict, 'torn');
});

test('a repeated record is damage, because no crash writes a record twice', (t) => {
  for (let sequence = 1; sequence <= LAST; sequence += 1) {
    const line = whole.subarray(ends[sequence - 1], ends[sequence]);
    for (let behind = sequence; behind <= LAST; behind += 1) {
      const octets = Buffer.concat([whole.subarray(0, ends[behind]), line, whole.subarray(ends[behind])]);
      const { verdict, found } = read(octets);
      t.is(verdict, 'damaged', `${sequence} behind ${behind}`);
      t.deepEqual(found, upTo(behind));
    }
  }
});

test('a range of zeros, as a disk may leave it, is judged like any damage', (t) => {
  for (let at = HEADER_OCTETS; at < whole.length; at += 7) {
    const octets = Buffer.from(whole);
    octets.fill(0, at, Math.min(at + 16, whole.length));
    // If the zeros reach into the last record too, no record proves anything about the damaged one.
    judged(t, octets, sequenceAt(at), `zeros at ${at}`, at + 16 <= ends[LAST - 1]!);
  }
});

test('records of another journal are ignored', (t) => {
  const others = Buffer.from(frameLine(change(9), 8, SALT + 1));
  const { verdict, found } = read(Buffer.concat([whole, others]));
  t.is(verdict, 'torn');
  t.deepEqual(found, upTo(LAST));
});

test('a value that looks like a record proves nothing', (t) => {
  const bait = frameLine(change(100), 99, SALT + 1).trimEnd();
  const text = [
    headerLine({ salt: SALT, after: 0, created: 0 }),
    frameLine(
      { revision: 1, puts: [{ key: 'k', value: bait, created: 1, revision: 1 }], deletes: [] },
      0,
      SALT,
    ),
  ].join('');
  const octets = Buffer.from(text);
  t.is(read(octets).verdict, 'whole');
  for (let size = HEADER_OCTETS + 1; size < octets.length; size += 1)
    t.is(read(octets.subarray(0, size)).verdict, 'torn');
});

test('a later journal of NUL octets is damage if it is longer than a header, and empty otherwise', async (t) => {
  const { folder } = await freshFolder(t);
  const running = await opened(t, {
    path: `${folder}/data.json`,
    checkpoints: { idleMs: 1_000_000_000, minOctets: 1_000_000_000 },
  });
  await running.commit(puts({ a: '1' }));
  for (const [octets, outcome] of [
    [HEADER_OCTETS, 'ok'],
    [HEADER_OCTETS + 1, 'STORAGE_CORRUPT'],
    [70_000, 'STORAGE_CORRUPT'],
  ] as const) {
    const { folder: killed, path } = await freshFolder(t);
    await cp(folder, killed, { recursive: true, filter: (name) => !name.includes('.lock-') });
    await writeFile(`${path}.journal.2`, Buffer.alloc(octets));
    t.is(await outcomeOf(() => storedIn(path)), outcome, `${octets} octets`);
  }
});
