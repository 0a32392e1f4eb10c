// The content of every store before the measurement: 10,000 entries with values of 90 octets.
export function* entries() {
  for (let at = 0; at < 10_000; at++) yield [`key${at}`, `${at}`.padEnd(90, 'x')];
}

/** `key: value`, the only pair that the load sends. */
export function pairOf(body) {
  const colon = body.indexOf(':');
  return [body.slice(0, colon).trim(), body.slice(colon + 1).trim()];
}

/** The answer to PUT /update, in the words of jackfield. */
export function sentence(body, key, old, value) {
  const told =
    old === undefined
      ? `\n\nUpdate(New) Data as follow:\n\n${key}: ${value}(There's no key. New update)`
      : `\n\nUpdate Data as follow:\n\n${key}: ${old} => ${value}\n\n`;
  return `${body}${told}\n\nUpdate with new data Successfully OK `;
}
