/** Tests that need a program which may not be installed. */
import type { TestFn } from 'ava';

/**
 * Reports tests that cannot run here: skipped on a developer's machine, failed in CI, where the program must be
 * installed.
 * @param reason A sentence that names the program.
 */
export function reportMissing(test: TestFn, reason: string): void {
  if (process.env.CI) test(reason, (t) => t.fail(reason));
  else test.skip(reason, () => {});
}
