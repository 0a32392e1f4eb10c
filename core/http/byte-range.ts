/** Range, RFC 9110 §14.1.2 and §14.2: which octets of a representation the client wants. */

/** `last` is the position of the last octet, as in Content-Range. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Merges ranges that overlap or touch. Serves none of several separate ranges: §14.2 lets a server ignore the field,
 * and an answer in many small parts costs the server more than the client (§17.15).
 * @param size Size of the whole representation, in octets.
 * @returns undefined if the field is ignored and the whole is sent; `unsatisfiable` leads to 416.
 */
export function chooseRange(field: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, list] = /^bytes=(.*)$/i.exec(field) ?? [];
  if (list === undefined) return undefined;
  const specs = list.split(',').map((spec) => spec.replace(/^[ \t]+|[ \t]+$/g, ''));
  const ranges: ByteRange[] = [];
  let isEmpty = true;
  for (const spec of specs) {
    if (spec === '') continue; // an empty member of a list (§5.6.1)
    isEmpty = false;
    const range = readSpec(spec, size);
    if (range === undefined) return undefined;
    // Content-Range cannot name any part of an empty representation.
    if (range.first < size && range.first <= range.last) ranges.push(range);
    else if (size === 0 && spec !== '-0' && spec.startsWith('-')) return undefined;
  }
  if (isEmpty) return undefined;
  return ranges.length === 0 ? 'unsatisfiable' : theOnly(ranges);
}

/** @returns undefined if `spec` is not a range; a range that begins after the end is not satisfiable. */
function readSpec(spec: string, size: number): ByteRange | undefined {
  const [whole, first = '', last = ''] = /^([0-9]*)-([0-9]*)$/.exec(spec) ?? [];
  if (whole === undefined || whole === '-') return undefined;
  if (first === '') return { first: Math.max(0, size - Number(last)), last: size - 1 };
  if (last === '') return { first: Number(first), last: size - 1 };
  if (Number(last) < Number(first)) return undefined;
  return { first: Number(first), last: Math.min(Number(last), size - 1) };
}

function theOnly(ranges: ByteRange[]): ByteRange | undefined {
  ranges.sort((a, b) => a.first - b.first);
  let { first, last } = ranges[0]!;
  for (const range of ranges) {
    if (range.first > last + 1) return undefined;
    last = Math.max(last, range.last);
  }
  return { first, last };
}
