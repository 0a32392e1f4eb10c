/** The Forwarded field, RFC 7239 §4: one element per proxy, the nearest proxy last. */

/** The parameters that we use; `by` and extensions are skipped. */
export interface ForwardedElement {
  readonly for: string | undefined;
  readonly host: string | undefined;
  readonly proto: string | undefined;
}

/**
 * One pair, possibly empty, and its separator. `:` and brackets in a value need quotes; many proxies leave them out. No
 * part can match in two ways, so the time is linear in the length.
 */
const PAIR =
  /[\t ]*(?:([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w:[\]-]+)|"((?:[\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t -\x7e\x80-\xff])*)")[\t ]*)?([;,]|$)/y;

const KNOWN = ['for', 'host', 'proto'];

/** @returns undefined if the value is not a list of elements, or an element repeats a parameter. */
export function parseForwarded(value: string): ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = [];
  let pairs = new Map<string, string>();
  PAIR.lastIndex = 0;
  for (;;) {
    const found = PAIR.exec(value);
    if (found === null) return undefined;
    const [, name, token, quoted = '', end] = found;
    if (name !== undefined) {
      const key = name.toLowerCase();
      if (pairs.has(key)) return undefined;
      pairs.set(key, token ?? quoted.replace(/\\(.)/g, '$1'));
    }
    if (end === ';') continue;
    // Empty elements of a list are ignored (RFC 9110 §5.6.1.2).
    if (pairs.size > 0) {
      const [node, host, proto] = KNOWN.map((key) => pairs.get(key));
      elements.push({ for: node, host, proto });
    }
    if (end === '') return elements;
    pairs = new Map();
  }
}

/** The non-empty values of a list field that has no quoted strings. */
export function parseList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
