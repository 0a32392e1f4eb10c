/**
 * The same numbers as OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), made of the text format.
 * prom-client can write it too, but renames its counters for good when it does, also for the next one who asks for the
 * text format.
 */
import { preferredType } from '../shared/negotiation.js';

export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Versions that differ in nothing we write, and how names may be escaped, which ours need not be. */
const HARMLESS = /;[ \t]*(?:version="?(?:0\.0\.1|0\.0\.4|1\.0\.0)"?|escaping=[a-z-]+)[ \t]*(?=[;,]|$)/gi;

/** @param accept The field, as sent. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  const plain = accept?.replaceAll(HARMLESS, '');
  return preferredType(plain, ['text/plain', 'application/openmetrics-text']) !== 'text/plain';
}

/** @param text Of which the name of every counter ends in `_total`. */
export function asOpenMetrics(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('# ') ? about(line) : line));
  // A family is named without the suffix that its samples have.
  const counters = new Set(lines.flatMap((line) => /^# TYPE (\S+)_total counter$/.exec(line)?.[1] ?? []));
  const named = lines.map((line) =>
    line.replace(/^(# (?:HELP|TYPE) )(\S+)_total(?= )/, (whole, start: string, name: string) =>
      counters.has(name) ? start + name : whole,
    ),
  );
  return `${named.join('\n')}\n# EOF\n`;
}

function about(line: string): string {
  return line.startsWith('# HELP ') ? line.replaceAll('"', '\\"') : line;
}
