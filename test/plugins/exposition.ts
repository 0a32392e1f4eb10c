/** Our own strict reader of the Prometheus text format 0.0.4. It shares no code with the library that writes it. */

export interface Family {
  readonly type: string;
  readonly help: string;
  /** The values by `name{a="b"}`, with sorted labels. */
  readonly samples: Map<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/y;

/** @throws Error at the first invalid line. */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('The last line has no end.');
  const families = new Map<string, { type: string; help: string; samples: Map<string, number> }>();
  let current: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice.`);
      families.set(name, { type: 'untyped', help: rest, samples: new Map() });
      current = name;
    } else if (keyword === 'TYPE') {
      const family = families.get(name);
      if (family === undefined || current !== name || family.samples.size > 0)
        throw new Error(`TYPE out of place: ${line}`);
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`No type: ${line}`);
      family.type = rest;
    } else takeSample(line, current, families);
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function takeSample(line: string, current: string | undefined, families: ReadonlyMap<string, Family>): void {
  const [, name = '', , labelText = '', value = ''] =
    new RegExp(`^(${NAME})(\\{(.*)\\})? (\\S+)$`).exec(line) ?? [];
  const family = families.get(current ?? '');
  const suffixes = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (family === undefined || !suffixes.some((suffix) => name === current + suffix))
    throw new Error(`Out of place: ${line}`);
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number)) throw new Error(`No number: ${line}`);
  const sample = `${name}{${readLabels(labelText).sort().join()}}`;
  if (family.samples.has(sample)) throw new Error(`Twice: ${line}`);
  family.samples.set(sample, number);
}

function readLabels(text: string): string[] {
  const labels: string[] = [];
  for (LABEL.lastIndex = 0; LABEL.lastIndex < text.length; ) {
    const found = LABEL.exec(text);
    if (found === null) throw new Error(`No labels: ${text}`);
    labels.push(found[0]);
    if (LABEL.lastIndex < text.length && text[LABEL.lastIndex++] !== ',')
      throw new Error(`No labels: ${text}`);
  }
  return labels;
}

/** Checks that buckets only grow and that the last one is the count. */
function checkHistogram(name: string, { samples }: Family): void {
  const series = new Map<string, [bound: number, count: number][]>();
  for (const [sample, value] of samples) {
    const bound = /(?:^|[{,])le="([^"]*)"/.exec(sample)?.[1];
    if (!sample.startsWith(`${name}_bucket{`) || bound === undefined) continue;
    const key = sample.replace(/(?:(?<=\{)le="[^"]*",?|,le="[^"]*")/, '').replace('_bucket', '_count');
    const at = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    series.set(key, [...(series.get(key) ?? []), [at, value]]);
  }
  for (const [key, buckets] of series) {
    buckets.forEach(([bound, count], at) => {
      const [lower, less] = buckets[at - 1] ?? [Number.NEGATIVE_INFINITY, 0];
      if (bound <= lower || count < less) throw new Error(`Buckets of ${key} do not grow.`);
    });
    if (buckets.at(-1)?.[0] !== Number.POSITIVE_INFINITY || buckets.at(-1)?.[1] !== samples.get(key))
      throw new Error(`${key} is not its last bucket.`);
  }
}
