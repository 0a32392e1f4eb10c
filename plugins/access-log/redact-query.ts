/** Removes private values from a query: tokens in links, names of patients. */

/** Nothing, all, or the values of these parameters. */
export type Redaction = boolean | readonly string[];

/** @param target A request target or a URI reference, as sent; the rest of it stays unchanged, octet for octet. */
export function redactQuery(target: string, redaction: Redaction): string {
  const from = target.indexOf('?') + 1;
  if (redaction === false || from === 0) return target;
  const [query = '', fragment] = target.slice(from).split(/(?=#)/);
  const parts = query.split('&').map((part) => {
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    if (redaction !== true && !redaction.includes(decoded(name))) return part;
    // Without a "=", the whole part may be the secret.
    if (equals === -1) return part === '' ? '' : '***';
    return `${name}=***`;
  });
  return target.slice(0, from) + parts.join('&') + (fragment ?? '');
}

/** The name as a handler would read it: otherwise `%74oken` would get past `token`. */
function decoded(name: string): string {
  return [...new URLSearchParams(`${name}=`).keys()][0] ?? '';
}
