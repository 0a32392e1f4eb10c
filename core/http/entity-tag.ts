/** Entity tags and how they are compared, RFC 9110 §8.8.3. */

const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
/** One member of a list; a comma may be inside the quotes. */
const MEMBER = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

export function isEntityTag(text: string): boolean {
  return ENTITY_TAG.test(text);
}

/** Both are strong and equal. */
export function matchesStrongly(list: string, etag: string): boolean {
  return !etag.startsWith('W/') && members(list).includes(etag);
}

/** Equal, strong or weak. */
export function matchesWeakly(list: string, etag: string): boolean {
  const opaque = withoutMark(etag);
  return members(list).some((member) => withoutMark(member) === opaque);
}

function members(list: string): string[] {
  return list.match(MEMBER) ?? [];
}

function withoutMark(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}
