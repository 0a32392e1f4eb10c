/** Compares docs/api.md with the declarations from which it is generated. */
import path from 'node:path';
import test from 'ava';
import * as door from '../../core/index.js';
import * as testing from '../../core/testing/index.js';
import { ROOT, readText, runToEnd } from '../repository.js';

test('docs/api.md is up to date with the comments in the code; otherwise run "npm run docs"', async (t) => {
  const { code, stderr } = await runToEnd(process.execPath, [
    path.join(ROOT, 'docs/generate-api.mjs'),
    '--check',
  ]);
  t.deepEqual([code, stderr], [0, '']);
});

test('docs/api.md has every export of the package, with its declaration', async (t) => {
  const page = await readText('docs/api.md');
  for (const name of [...Object.keys(door), ...Object.keys(testing)]) {
    t.regex(page, new RegExp(`^### ${name}$`, 'm'));
  }
  const parts = page.split(/^### /m).slice(1);
  t.true(parts.length > 90);
  for (const part of parts) {
    t.regex(part, /^(\w+)\n[\s\S]*(?:```ts\n[\s\S]*\b\1\b[\s\S]*```|the copy that jackfield uses)/, part);
  }
});
