/** Random requests: valid ones with the parts they are made of, and octets that look like requests. */
import fc from 'fast-check';
import type { JudgedRequest } from './judge.js';

export interface BuiltRequest {
  readonly octets: Buffer;
  readonly parts: JudgedRequest;
}

const DIGITS = '0123456789';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const octet = (code: number): string => String.fromCharCode(code);
const range = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, at) => octet(first + at));
const text = (characters: readonly string[] | string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });

const token = text(`!#$%&'*+-.^_\`|~${DIGITS}${LETTERS}`, 1, 8);
const blanks = text(' \t', 0, 3);

// Request target

const plainCharacter = fc.constantFrom(...`${DIGITS}${LETTERS}-._~:@!$&'()*+,;=[]^\`{|}/`);
const UNRESERVED = `${DIGITS}${LETTERS}-._~`;

/** An octet of a path in a form to send, and in its normal spelling. */
const pathPiece = fc.oneof(
  { weight: 3, arbitrary: plainCharacter.map((character) => ({ sent: character, normal: character })) },
  fc.tuple(fc.nat(255), fc.boolean()).map(([code, upper]) => {
    const digits = code.toString(16).padStart(2, '0');
    const normal = UNRESERVED.includes(octet(code)) ? octet(code) : `%${digits.toUpperCase()}`;
    return { sent: `%${upper ? digits.toUpperCase() : digits}`, normal };
  }),
);

const path = fc.array(pathPiece, { maxLength: 12 }).map((pieces) => ({
  sent: `/${pieces.map(({ sent }) => sent).join('')}`,
  normal: `/${pieces.map(({ normal }) => normal).join('')}`,
}));
const query = fc.option(text(`${DIGITS}${LETTERS}?/%&=+`, 0, 12), { nil: undefined });

const port = fc.option(fc.nat(65_535), { nil: undefined });
const hostName = fc.oneof(
  text(`${LETTERS}${DIGITS}-.`, 1, 12),
  fc.ipV4(),
  fc.constantFrom('[::1]', '[2001:db8::1]', '[1:2:3:4:5:6:7:8]', '[::ffff:1.2.3.4]'),
);
const authority = fc.tuple(hostName, port).map(([host, at]) => (at === undefined ? host : `${host}:${at}`));

const method = fc.oneof(fc.constantFrom('GET', 'POST', 'PUT', 'GETS', 'get', 'DELETE'), token);

const requestLine = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(method, fc.constant(undefined), path, query) },
  { weight: 1, arbitrary: fc.tuple(method, authority, path, query) },
);

// Field lines

const valueCharacters = [...range(0x20, 0x7e), ...range(0x80, 0xff), '\t'];
const fieldValue = fc
  .oneof(text(`${LETTERS}${DIGITS} ,;=/*`, 0, 12), text(valueCharacters, 0, 12))
  .map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ''));

/** The generator adds the fields that the parser evaluates only where their effect is known. */
const UNDERSTOOD = /^(?:host|content-length|transfer-encoding|connection|expect)$/i;
const fieldName = fc
  .oneof(fc.constantFrom('Accept', 'User-Agent', 'Cookie', '__proto__', 'constructor', 'X'), token)
  .filter((name) => !UNDERSTOOD.test(name));

interface Field {
  readonly name: string;
  readonly value: string;
  readonly line: string;
}

const anyCase = (name: string): fc.Arbitrary<string> => fc.mixedCase(fc.constant(name));

const fieldOf = (name: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<Field> =>
  fc
    .tuple(name, blanks, value, blanks)
    .map(([n, before, v, after]) => ({ name: n, value: v, line: `${n}:${before}${v}${after}\r\n` }));

const otherFields = fc.array(fieldOf(fieldName, fieldValue), { maxLength: 4 });

// Body

const octets = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((values) => Buffer.from(values).toString('latin1'));
/** Bodies that look like requests; the parser must never treat them as requests. */
const content = fc.oneof(octets(0, 40), fc.constant('GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n'));

const quoted = text(
  [...valueCharacters, '\\"', '\\\\'].filter((unit) => unit !== '"' && unit !== '\\'),
  0,
  6,
).map((value) => `"${value}"`);
const extension = fc
  .tuple(
    blanks,
    blanks,
    token,
    fc.option(fc.tuple(blanks, blanks, fc.oneof(token, quoted)), { nil: undefined }),
  )
  .map(([a, b, name, value]) =>
    value === undefined ? `${a};${b}${name}` : `${a};${b}${name}${value[0]}=${value[1]}${value[2]}`,
  );
const extensions = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.array(extension, { maxLength: 2 }).map((all) => all.join('')),
);

/** A chunk size as hexadecimal digits, in either case, with leading zeros. */
const sizeOf = (length: number, zeros: number, upper: boolean): string => {
  const digits = '0'.repeat(zeros) + length.toString(16);
  return upper ? digits.toUpperCase() : digits;
};

const chunk = fc
  .tuple(octets(1, 20), fc.nat(3), fc.boolean(), extensions)
  .map(([data, zeros, upper, ext]) => ({
    data,
    coded: `${sizeOf(data.length, zeros, upper)}${ext}\r\n${data}\r\n`,
  }));

type Body = Pick<JudgedRequest, 'body' | 'framing' | 'trailers'> & {
  readonly coded: string;
  readonly field: Field | undefined;
};

const NO_BODY: Body = { body: '', framing: { kind: 'none' }, trailers: [], coded: '', field: undefined };

const bodyByLength: fc.Arbitrary<Body> = fc.tuple(content, fc.nat(3)).chain(([body, zeros]) =>
  fieldOf(anyCase('content-length'), fc.constant(`${'0'.repeat(zeros)}${body.length}`)).map((field) => ({
    ...{ body, field, coded: body, trailers: [] },
    framing: body === '' ? { kind: 'none' as const } : { kind: 'length' as const, octets: body.length },
  })),
);

const chunkedBody: fc.Arbitrary<Body> = fc
  .tuple(
    fieldOf(anyCase('transfer-encoding'), anyCase('chunked')),
    fc.array(chunk, { maxLength: 4 }),
    extensions,
    fc.array(fieldOf(token, fieldValue), { maxLength: 2 }),
  )
  .map(([field, chunks, ext, trailers]) => ({
    ...{
      field,
      body: chunks.map(({ data }) => data).join(''),
      framing: { kind: 'chunked' as const, isOdd: false },
    },
    trailers: trailers.flatMap(({ name, value }) => [name, value]),
    coded: `${chunks.map(({ coded }) => coded).join('')}0${ext}\r\n${trailers.map(({ line }) => line).join('')}\r\n`,
  }));

// Whole requests

interface Connection {
  readonly field: Field | undefined;
  readonly option: 'close' | 'keep-alive' | undefined;
}

const connection: fc.Arbitrary<Connection> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ field: undefined, option: undefined }) },
  fc.tuple(fc.constantFrom('close' as const, 'keep-alive' as const), fc.boolean()).chain(([option, inList]) =>
    fieldOf(
      anyCase('connection'),
      anyCase(option).map((word) => (inList ? `x ,\t${word}, y` : word)),
    ).map((field) => ({
      ...{ field, option },
    })),
  ),
);

/** All parts of a header section. Few values, so that the same section repeats on a connection. */
const section = fc.record({
  minor: fc.constantFrom(0, 1, 1, 1, 2),
  others: otherFields,
  host: fieldOf(anyCase('host'), authority),
  connection,
  expects: fc.boolean(),
  place: fc.nat(4),
});
type Section = typeof section extends fc.Arbitrary<infer T> ? T : never;

const emptyLines = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(4));

/** A request with this header section and any line and body. */
function requestOf({ minor, others, host, connection: { field, option }, expects, place }: Section) {
  const version = minor === 0 ? '1.0' : '1.1';
  const bodies =
    minor === 0 ? [fc.constant(NO_BODY), bodyByLength] : [fc.constant(NO_BODY), bodyByLength, chunkedBody];
  return fc
    .tuple(requestLine, fc.oneof(...bodies), emptyLines)
    .map(([[verb, site, { sent, normal }, search], body, lines]): BuiltRequest => {
      const name = verb === 'CONNECT' ? 'CONNECTED' : verb;
      const target = `${site === undefined ? '' : `http://${site}`}${sent}${search === undefined ? '' : `?${search}`}`;
      const expectation: Field = { name: 'Expect', value: '100-Continue', line: 'Expect:100-Continue\r\n' };
      const understood = [host, field, body.field, expects ? expectation : undefined];
      const fields = [...others.slice(0, place), ...understood, ...others.slice(place)].filter(
        (one) => one !== undefined,
      );
      const head = `${name} ${target} HTTP/1.${minor}\r\n${fields.map(({ line }) => line).join('')}\r\n`;
      return {
        octets: Buffer.from('\r\n'.repeat(lines) + head + body.coded, 'latin1'),
        parts: {
          ...{ method: name, target, path: normal, query: search ?? '', version },
          host: site ?? host.value,
          fields: fields.flatMap((one) => [one.name, one.value]),
          framing: body.framing,
          persistent: option === undefined ? minor > 0 : option === 'keep-alive',
          expectsContinue: expects && minor > 0,
          ...{ body: body.body, trailers: body.trailers, complete: true },
        },
      };
    });
}

export const validRequest: fc.Arbitrary<BuiltRequest> = section.chain(requestOf);

/** Requests of one connection. As from one client, they have few different header sections. */
export const connectionOf = (maxLength: number): fc.Arbitrary<BuiltRequest[]> =>
  fc.array(section, { minLength: 1, maxLength: 2 }).chain((sections) =>
    fc.array(
      fc.nat(sections.length - 1).chain((at) => requestOf(sections[at]!)),
      { minLength: 1, maxLength },
    ),
  );

export const joined = (requests: readonly BuiltRequest[]): Buffer =>
  Buffer.concat(requests.map((request) => request.octets));

// Octets that look like requests

/** Octets that cause errors in the wrong place. */
const fragment = fc.oneof(
  fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    ',',
    ';',
    '"',
    '%',
    '0',
    '5',
    '\0',
    '\x7f',
    '\xff',
    '#',
    '?',
  ),
  fc.constantFrom('Host: b\r\n', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Expect: x\r\n'),
  fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'CONNECT ', 'OPTIONS * ', 'http://a', '0\r\n\r\n', 'ffffffff\r\n'),
  octets(1, 4),
  fc.tuple(octets(1, 1), fc.nat(120)).map(([one, times]) => one.repeat(times)),
);

/** At this place, remove some octets and insert others; a negative number repeats octets instead. */
const mutation = fc.record({
  place: fc.nat(),
  away: fc.oneof(fc.constant(0), fc.integer({ min: -30, max: 12 })),
  put: fc.oneof(fc.constant(''), fragment),
});

export const mutatedRequests: fc.Arbitrary<Buffer> = fc
  .tuple(connectionOf(3), fc.array(mutation, { maxLength: 4 }))
  .map(([requests, mutations]) => {
    let octetText = joined(requests).toString('latin1');
    for (const { place, away, put } of mutations) {
      const at = place % (octetText.length + 1);
      octetText = octetText.slice(0, at) + put + octetText.slice(Math.max(0, at + away));
    }
    return Buffer.from(octetText, 'latin1');
  });

export const anyOctets: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: mutatedRequests },
  fc.array(fragment, { maxLength: 20 }).map((fragments) => Buffer.from(fragments.join(''), 'latin1')),
  octets(0, 60).map((random) => Buffer.from(random, 'latin1')),
);
