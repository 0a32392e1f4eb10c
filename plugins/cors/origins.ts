/** Origins as browsers send them (RFC 6454 §6.2): compared as whole texts, never in parts. */

/** Whether a browser could send this text; with one slash too many, it would never match. */
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
    // Match the whole origin: `https://a\.example` must not allow `https://a.example.evil.test`.
    .map(({ pattern }) => new RegExp(`^(?:${pattern})$`, 'u'));
  return (origin) => exact.has(origin) || patterns.some((pattern) => pattern.test(origin));
}
