import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ERRORS, JackfieldError } from '../../core/errors.js';

test('the detail replaces the … of a sentence', (t) => {
  t.is(new JackfieldError('HOST_NOT_ALLOWED', 'example.org').message, 'Not allowed host: example.org');
});

test('the detail follows a sentence without a …', (t) => {
  const { message } = new JackfieldError('BODY_TOO_LARGE', 'At most 10 octets.');
  t.is(message, `${ERRORS.BODY_TOO_LARGE.sentence} At most 10 octets.`);
});

/** The sections of ERRORS.md by heading. */
async function page(): Promise<Map<string, string>> {
  // Relative to dist/test/core.
  const text = await readFile(path.resolve(import.meta.dirname, '../../../core/ERRORS.md'), 'utf8');
  const parts = text.split(/^### /m).slice(1);
  return new Map(
    parts.map((part) => {
      const [heading = '', ...lines] = part.split(/^## /m)[0]!.split('\n');
      return [heading, lines.join('\n')];
    }),
  );
}

test('every code has a section in ERRORS.md, in the order of the table, and there are no others', async (t) => {
  t.deepEqual([...(await page()).keys()], Object.keys(ERRORS));
});

test('ERRORS.md has sentence, status, cause and cure of every code', async (t) => {
  const parts = await page();
  for (const [code, { sentence, status, closes }] of Object.entries(ERRORS)) {
    const part = parts.get(code) ?? '';
    t.true(part.startsWith(`\n> ${sentence}`), `${code}: the sentence is not quoted`);
    const [, written, rest = ''] = /^Status: (\d+)(.*)$/m.exec(part) ?? [];
    t.is(written, String(status), `${code}: the status differs`);
    t.is(rest.includes('the connection closes'), closes, `${code}: whether the connection closes differs`);
    t.regex(part, /^- \*\*Cause:\*\* \S/m, code);
    t.regex(part, /^- \*\*Cure:\*\* \S/m, code);
  }
});
