/** The entries that the plugins share. */
export const entries = new Map();

/** `key: value&key2: value2` or an object → pairs. */
export function pairsOf(body) {
  if (typeof body === 'object' && body !== null) return Object.entries(body);
  return String(body ?? '')
    .split('&')
    .map((pair) => pair.split(': ', 2));
}
