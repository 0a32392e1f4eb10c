/** Compares an answer of the classic protocol with the expected one, octet by octet. */
import type { ExpectedResponse } from './case-file.js';
import type { Outcome } from './wire-connection.js';
import { fieldValue, type WireResponse } from './wire-response.js';

const FIELD_NAMES = ['Host', 'Content-Type', 'Connection', 'Content-Length', 'Date'];

/** The differences, one sentence each; empty if there are none. */
export function compareClassic(expected: ExpectedResponse | null, outcome: Outcome): string[] {
  if (expected === null) {
    if (outcome.kind === 'closed' && outcome.octets.length === 0) return [];
    return [`expected the connection to close without an answer, received ${nameOutcome(outcome)}`];
  }
  if (outcome.kind !== 'response') return [`expected a response, received ${nameOutcome(outcome)}`];
  const { response, surplusOctets } = outcome;
  const pairs: readonly (readonly [name: string, expected: unknown, received: unknown])[] = [
    ['HTTP version', 'HTTP/1.1', response.version],
    ['status', expected.status, response.status],
    ['reason', expected.reason, response.reason],
    ['field lines', FIELD_NAMES.join(', '), response.fields.map(([name]) => name).join(', ')],
    ['Host', expected.host, fieldValue(response, 'host')],
    ['Content-Type', 'text/html', fieldValue(response, 'content-type')],
    ['Connection', 'keep-alive', fieldValue(response, 'connection')],
    ['Content-Length', String(Buffer.byteLength(expected.body)), fieldValue(response, 'content-length')],
  ];
  return [
    ...pairs.flatMap(([name, wanted, received]) =>
      wanted === received ? [] : [`${name}: expected ${show(wanted)}, received ${show(received)}`],
    ),
    ...dateProblems(response),
    ...bodyProblems(expected.body, response.body),
    ...(surplusOctets === 0 ? [] : [`${surplusOctets} octets follow the response`]),
  ];
}

/** An outcome in words, for sentences that expected another one. */
export function nameOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'response':
      return `a response with status ${outcome.response.status}`;
    case 'closed':
      return outcome.octets.length === 0
        ? 'nothing before the connection closed'
        : `only ${outcome.octets.length} octets before the connection closed`;
    case 'timeout':
      return `${outcome.octets.length === 0 ? 'nothing' : 'no whole response'} within ${outcome.afterMs} ms`;
    case 'malformed':
      return `something else: ${outcome.why}`;
  }
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The form `Tue, 03 May 2022 12:11:44 KST`: the date must exist, and the weekday must be right. */
function dateProblems(response: WireResponse): string[] {
  const value = fieldValue(response, 'date');
  const [, weekday, day, month, year, hour, minute, second] =
    /^(\w{3}), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) KST$/.exec(value ?? '') ?? [];
  const monthIndex = MONTHS.indexOf(month ?? '');
  const date = new Date(Date.UTC(Number(year), monthIndex, Number(day)));
  const exists = monthIndex >= 0 && date.getUTCMonth() === monthIndex && DAYS[date.getUTCDay()] === weekday;
  if (exists && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60) return [];
  return [`Date: expected the form "Tue, 03 May 2022 12:11:44 KST", received ${show(value)}`];
}

function bodyProblems(expected: string, received: Buffer): string[] {
  const wanted = Buffer.from(expected);
  if (wanted.equals(received)) return [];
  const shorter = Math.min(wanted.length, received.length);
  let at = 0;
  while (at < shorter && wanted[at] === received[at]) at++;
  return [
    `body: differs from octet ${at + 1} on; expected ${wanted.length} octets ${show(expected)}, ` +
      `received ${received.length} octets ${show(received.toString())}`,
  ];
}

function show(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
