/**
 * The start warns about plugins that handle GET and not HEAD, as many small test plugins do on purpose. Tests that
 * compare the whole log leave that line out.
 */
export function isStartWarning({ message }: { readonly message?: unknown }): boolean {
  return typeof message === 'string' && message.startsWith('HEAD is answered 405');
}

/** Returns a function that parses a line of the log and keeps it, unless it is such a warning. */
export function keeping<Line extends object>(lines: Line[]): (line: string) => void {
  return (line) => {
    // A line of `createLog` is a JSON object; the test knows its members.
    const parsed = JSON.parse(line) as Line;
    if (!isStartWarning(parsed)) lines.push(parsed);
  };
}
