/**
 * The same numbers as OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), converted from the text
 * format. prom-client can write it too, but then renames its counters permanently, also for later clients of the text
 * format.
 */
import { preferredType } from '../shared/negotiation.js';

export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Versions whose differences we do not use, and the escaping of names, which ours do not need. */
const HARMLESS = /;[ \t]*(?:version="?(?:0\.0\.1|0\.0\.4|1\.0\.0)"?|escaping=[a-z-]+)[ \t]*(?=[;,]|$)/gi;

/** @param accept The field, as sent. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  const plain = accept?.replaceAll(HARMLESS, '');
  return preferredType(plain, ['text/plain', 'application/openmetrics-text']) !== 'text/plain';
}

/** @param text The name of every counter in it ends in `_total`. */
export function asOpenMetrics(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('# ') ? about(line) : line));
  // A family has the name of its samples without the suffix.
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
