/** The result of `import` and `migrate`. */
import type { Output } from '../command.js';
import type { FlagValues } from '../flags.js';
import { terminalText } from '../terminal-text.js';
import type { Copy } from './copy.js';
import { entryCount } from './progress.js';

export function printCopy(
  { count, expiring, resumed, sha256 }: Copy,
  { from, to }: { readonly from: string; readonly to: string },
  { json }: FlagValues,
  stdout: Output,
): void {
  const report = { from, to, entries: count, expiring, resumed, sha256 };
  const already = resumed === 0 ? '' : ` (${resumed} of them were there before)`;
  stdout.write(
    json === true
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${terminalText(`${entryCount(count)} copied from ${from} to ${to}${already} and read back, SHA-256 ${sha256}`)}\n`,
  );
}
