/** Content types, some with wildcards. */

/** @param types `type/subtype`, `type/*` or `*` + `/*+suffix`, in lower case. */
export function typeMatcher(types: readonly string[]): (contentType: string) => boolean {
  const exact = new Set(types);
  const starts = types.filter((type) => type.endsWith('/*')).map((type) => type.slice(0, -1));
  const ends = types.filter((type) => type.startsWith('*/*+')).map((type) => type.slice('*/*'.length));
  return (contentType) => {
    const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
    return (
      exact.has(type) ||
      starts.some((start) => start === '*/' || type.startsWith(start)) ||
      ends.some((end) => type.endsWith(end))
    );
  };
}
