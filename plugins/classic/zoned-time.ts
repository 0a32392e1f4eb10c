/** The time of the Date field of RFC 9110 §5.6.7, in another time zone. */

/** Whether this Node.js knows the zone by that IANA name. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false; // A RangeError: no such zone.
  }
}

/**
 * Writes `Tue, 03 May 2022 12:11:44`. Formatting costs more than the rest of an answer, so it is done once a second.
 */
export function timeWriter(timeZone: string): (date: Date) => string {
  // en-US, because newer versions of en-GB write "Sept"; h23, because h24 would write midnight as 24.
  const makeFormat = () =>
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      day: '2-digit',
      month: 'short',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    });
  // Made with the first answer: the data of time zones loads slowly, and the start does not need it.
  let format: Intl.DateTimeFormat | undefined;
  let second: number | undefined;
  let text = '';
  return (date) => {
    const now = Math.floor(date.getTime() / 1000);
    if (now === second) return text;
    second = now;
    format ??= makeFormat();
    const part = new Map(format.formatToParts(date).map(({ type, value }) => [type, value]));
    const day = `${part.get('weekday')}, ${part.get('day')} ${part.get('month')} ${part.get('year')}`;
    text = `${day} ${part.get('hour')}:${part.get('minute')}:${part.get('second')}`;
    return text;
  };
}
