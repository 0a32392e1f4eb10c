/** The Vary field (RFC 9110 §12.5.5) with one more name. */
export function vary(before: string | readonly string[] | undefined, name: string): string {
  const names = [before ?? []]
    .flat()
    .flatMap((line) => line.split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const isThere = names.some((one) => one === '*' || one.toLowerCase() === name.toLowerCase());
  return (isThere ? names : [...names, name]).join(', ');
}
