/** HTTP-date, RFC 9110 §5.6.7: one form is sent, three are accepted. */

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})';

/** The name of the day is redundant, so only its shape is checked, as other servers do. */
const FORMS = [
  // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(`^[A-Z][a-z]{2}, (?<day>[0-9]{2}) ${MONTH} (?<year>[0-9]{4}) ${TIME} GMT$`),
  // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(`^[A-Z][a-z]{5,8}, (?<day>[0-9]{2})-${MONTH}-(?<year>[0-9]{2}) ${TIME} GMT$`),
  // asctime: Sun Nov  6 08:49:37 1994
  new RegExp(`^[A-Z][a-z]{2} ${MONTH} (?<day>[0-9 ][0-9]) ${TIME} (?<year>[0-9]{4})$`),
];

/** @returns milliseconds since 1970, whole seconds; undefined if the text is not an HTTP-date. */
export function parseHttpDate(text: string, now = Date.now()): number | undefined {
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts === undefined) continue;
    const { year = '', month = '', day, hour, minute, second } = parts;
    const date = [MONTHS.indexOf(month), Number(day), Number(hour), Number(minute), Number(second)] as const;
    const time = Date.UTC(year.length === 2 ? fullYear(Number(year), now) : Number(year), ...date);
    // Date.UTC turns the 31st of June into the 1st of July, and a leap second, which is legal, into the next minute.
    return new Date(time).getUTCDate() === date[1] || date[4] === 60 ? time : undefined;
  }
  return undefined;
}

/** Two digits that seem more than 50 years ahead mean a year in the past (RFC 9110 §5.6.7). */
function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
