/** Origins as browsers send them (RFC 6454 §6.2): compared as text, never as parts. */

/** Whether a browser could send this; a slash too many, and it would never match. */
export function isOrigin(text: string): boolean {
  if (text === 'null') return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(text)) return false;
  if (!/^https?:/.test(text)) return true;
  return URL.canParse(text) && new URL(text).origin === text;
}

export function originMatcher(
  origins: readonly (string | { readonly pattern: string })[],
): (origin: string) => boolean {
  const exact = new Set(origins.filter((origin) => typeof origin === 'string'));
  const patterns = origins
    .filter((origin) => typeof origin === 'object')
    // All of it: `https://a\.example` must not let `https://a.example.evil.test` in.
    .map(({ pattern }) => new RegExp(`^(?:${pattern})$`, 'u'));
  return (origin) => exact.has(origin) || patterns.some((pattern) => pattern.test(origin));
}
