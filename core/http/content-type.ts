/** The media type of a body and its charset, RFC 9110 §8.3. */

export interface ContentType {
  /** `type/subtype` in lower case; `''` if it is absent or malformed. */
  readonly mediaType: string;
  /** In lower case, without quotes; `''` if there is none. */
  readonly charset: string;
}

const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i;

export function parseContentType(value: string | undefined): ContentType {
  if (value === undefined) return { mediaType: '', charset: '' };
  const end = value.indexOf(';');
  const mediaType = end === -1 ? value : value.slice(0, end);
  // Most values have no charset, and a search for one costs more than the rest.
  if (end === -1) return { mediaType: mediaType.trim().toLowerCase(), charset: '' };
  const [, quoted, token] = CHARSET.exec(value) ?? [];
  return {
    mediaType: mediaType.trim().toLowerCase(),
    charset: (quoted?.replace(/\\(.)/g, '$1') ?? token ?? '').toLowerCase(),
  };
}
