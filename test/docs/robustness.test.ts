/** Checks the names in docs/robustness.md. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { DEFAULT_LIMITS } from '../../core/config/limits.js';
import { ERRORS } from '../../core/errors.js';
import { ROOT, readText } from '../repository.js';

test('docs/robustness.md names every limit, and only error codes and tests that exist', async (t) => {
  const page = await readText('docs/robustness.md');
  for (const limit of Object.keys(DEFAULT_LIMITS)) t.true(page.includes(`\`${limit}\``), limit);
  for (const [, code = ''] of page.matchAll(/`([A-Z]+_[A-Z_]+|OVERLOADED)`/g))
    t.true(Object.hasOwn(ERRORS, code), code);
  const tests = Array.from(page.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g), ([, file = '']) => file);
  t.true(tests.length > 10);
  for (const file of tests) await t.notThrowsAsync(access(path.join(ROOT, file)), file);
});
