import test from 'ava';
import fc from 'fast-check';
import { type ExportedEntry, ExportWriter, readExport } from '../../../../core/cli/store/export-file.js';
import { JackfieldError } from '../../../../core/errors.js';

/** Any text that a store may hold: all planes, control characters, all kinds of line ends. */
const text = fc.string({ unit: 'binary', maxLength: 30 });
const entry = fc
  .record({
    key: fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
    value: text,
    expires: fc.option(fc.nat()),
  })
  .map(({ key, value, expires }) => (expires === null ? { key, value } : { key, value, expiresAt: expires }));

function exported(entries: readonly ExportedEntry[]): Buffer {
  const writer = new ExportWriter();
  const page = entries.map((one, at) => ({ ...one, created: at + 1, revision: 1 }));
  return Buffer.from(writer.header('memory') + writer.page(page) + writer.trailer().line);
}

async function* pieces(octets: Buffer, length: number): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < octets.length; at += length) yield octets.subarray(at, at + length);
}

async function read(octets: Buffer, length = 1_000_000): Promise<ExportedEntry[]> {
  const entries: ExportedEntry[] = [];
  for await (const one of readExport(pieces(octets, length))) entries.push(one);
  return entries;
}

async function outcome(octets: Buffer): Promise<string> {
  return read(octets).then(
    () => 'read',
    (error: unknown) => (error instanceof JackfieldError ? error.code : String(error)),
  );
}

test('an export is read back unchanged, in any pieces', async (t) => {
  const property = fc.asyncProperty(
    fc.array(entry, { maxLength: 8 }),
    fc.integer({ min: 1, max: 64 }),
    async (entries, length) => {
      t.deepEqual(await read(exported(entries), length), entries);
    },
  );
  await fc.assert(property, { numRuns: 300 });
});

test('an export with any octet changed is refused', async (t) => {
  const whole = exported([
    { key: 'a', value: 'é\n' },
    { key: 'b', value: '', expiresAt: 5 },
  ]);
  t.is(await outcome(whole), 'read');
  for (let at = 0; at < whole.length; at += 1) {
    for (const bit of [1, 0x20, 0x80]) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ bit;
      t.is(await outcome(changed), 'EXPORT_INVALID', `octet ${at}: ${changed.toString('latin1')}`);
    }
  }
});

test('an export that is cut off, lacks a line or repeats one is refused', async (t) => {
  const whole = exported([
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ]);
  for (let length = 0; length < whole.length; length += 1) {
    t.is(await outcome(whole.subarray(0, length)), 'EXPORT_INVALID', `${length} octets`);
  }
  const lines = whole.toString().split('\n');
  for (let at = 0; at < lines.length - 1; at += 1) {
    t.is(await outcome(Buffer.from(lines.toSpliced(at, 1).join('\n'))), 'EXPORT_INVALID');
    t.is(await outcome(Buffer.from(lines.toSpliced(at, 0, lines[at]!).join('\n'))), 'EXPORT_INVALID');
  }
  t.is(await outcome(Buffer.from('{"jackfield":"store-export","version":2}\n{}\n')), 'EXPORT_INVALID');
});
