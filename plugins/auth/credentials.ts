/** The Authorization field, RFC 9110 §11.6.2, for the schemes known here. */
import { isUtf8 } from 'node:buffer';

export type Credentials =
  | { readonly scheme: 'bearer'; readonly token: string }
  | { readonly scheme: 'basic'; readonly name: string; readonly password: string };

/** token68, RFC 9110 §11.2: the syntax of both schemes. */
const FIELD = /^(basic|bearer) +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Undefined for missing or unreadable credentials: the answer is the same. */
export function credentialsOf(field: string | undefined): Credentials | undefined {
  const [, scheme = '', text = ''] = FIELD.exec(field ?? '') ?? [];
  if (scheme === '') return undefined;
  return scheme.toLowerCase() === 'bearer' ? { scheme: 'bearer', token: text } : basicOf(text);
}

/**
 * RFC 7617 §2: the name ends at the first colon. Octets that are not UTF-8 could stand for two texts, so they are
 * refused.
 */
function basicOf(text: string): Credentials | undefined {
  const octets = Buffer.from(text, 'base64');
  if (!isUtf8(octets)) return undefined;
  const pair = octets.toString('utf8');
  const colon = pair.indexOf(':');
  if (colon === -1) return undefined;
  return { scheme: 'basic', name: pair.slice(0, colon), password: pair.slice(colon + 1) };
}
