/** The Authorization field, RFC 9110 §11.6.2, as far as its schemes are known here. */
import { isUtf8 } from 'node:buffer';

export type Credentials =
  | { readonly scheme: 'bearer'; readonly token: string }
  | { readonly scheme: 'basic'; readonly name: string; readonly password: string };

/** token68, RFC 9110 §11.2: what both schemes are written in. */
const FIELD = /^(basic|bearer) +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Undefined where there are none, or none that can be read: the answer is the same. */
export function credentialsOf(field: string | undefined): Credentials | undefined {
  const [, scheme = '', text = ''] = FIELD.exec(field ?? '') ?? [];
  if (scheme === '') return undefined;
  return scheme.toLowerCase() === 'bearer' ? { scheme: 'bearer', token: text } : basicOf(text);
}

/** RFC 7617 §2: the name ends at the first colon. What is no UTF-8 could mean two texts, so it means none. */
function basicOf(text: string): Credentials | undefined {
  const octets = Buffer.from(text, 'base64');
  if (!isUtf8(octets)) return undefined;
  const pair = octets.toString('utf8');
  const colon = pair.indexOf(':');
  if (colon === -1) return undefined;
  return { scheme: 'basic', name: pair.slice(0, colon), password: pair.slice(colon + 1) };
}
