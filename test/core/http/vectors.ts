/** Reads `test/vectors/*.txt`; the README next to them describes the format. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ParserOptions } from '../../../core/http/parser.js';
import { type JudgedRequest, LIMITS, SLASH_DIALECT, type Verdict } from './judge.js';

export interface Vector {
  readonly file: string;
  readonly title: string;
  readonly options: ParserOptions;
  readonly octets: Buffer;
  /** Event lines, unescaped, the text as latin1. */
  readonly events: readonly string[];
}

// From dist/test/core/http.
const FOLDER = path.resolve(import.meta.dirname, '../../../../test/vectors');

export function readVectors(): Vector[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
  return files.sort().flatMap((file) => parseVectors(file, readFileSync(path.join(FOLDER, file), 'utf8')));
}

export function parseVectors(file: string, text: string): Vector[] {
  const blocks = text.split(/^== /m).slice(1);
  return blocks.map((block) => parseVector(file, block.split('\n')));
}

function parseVector(file: string, [title = '', ...lines]: string[]): Vector {
  let options = LIMITS;
  let octets = '';
  const events: string[] = [];
  for (const line of lines) {
    if (line.startsWith('> ')) octets += unescapeText(line.slice(2));
    else if (line.startsWith('< ')) events.push(unescapeText(line.slice(2)));
    else if (line === 'dialect') options = { ...options, ...SLASH_DIALECT };
    else if (line.startsWith('limits ')) options = { ...options, ...parseLimits(line.slice(7)) };
    else if (line !== '' && !line.startsWith('#')) throw new Error(`${file}: ${title}: ${line}`);
  }
  if (octets === '' || events.length === 0) throw new Error(`${file}: ${title} has no octets or no events`);
  return { file, title, options, octets: Buffer.from(octets, 'latin1'), events };
}

function parseLimits(text: string): Partial<ParserOptions> {
  const limits = text.split(' ').map((limit) => {
    const [, name = '', value] = /^(\w+)=(\d+)$/.exec(limit) ?? [];
    if (!(name in LIMITS)) throw new Error(`No such limit: ${limit}`);
    return [name, Number(value)];
  });
  return Object.fromEntries(limits);
}

/** `\(`, the escapes, `*5)`: the text between is repeated; groups may be nested. */
export function unescapeText(text: string): string {
  const open: string[] = [''];
  const pattern = /\\r|\\n|\\t|\\\\|\\x([0-9a-f]{2})|(\\\()|\*(\d+)\)|[^\\]|(\\)/gs;
  for (const [whole, hex, group, times, stray] of text.matchAll(pattern)) {
    if (stray !== undefined) throw new Error(`Not an escape in ${text}`);
    if (group !== undefined) open.push('');
    else if (times !== undefined && open.length > 1) {
      const repeated = open.pop()!.repeat(Number(times));
      open.push(open.pop()! + repeated);
    } else
      open.push(
        open.pop()! + (hex === undefined ? plain(whole) : String.fromCharCode(Number.parseInt(hex, 16))),
      );
  }
  if (open.length !== 1) throw new Error(`A group is not closed in ${text}`);
  return open[0]!;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\r', '\r'],
  ['\\n', '\n'],
  ['\\t', '\t'],
  ['\\\\', '\\'],
]);
const plain = (text: string): string => ESCAPES.get(text) ?? text;

const IS_DETAIL = /^(?:path|query|host|no host|field|framing|persistent|continue)(?: |$)/;

/** The result as event lines, limited to the details in the vector. */
export function eventsOf({ requests, error, midRequest }: Verdict, expected: readonly string[]): string[] {
  const details = detailsAsked(expected);
  const lines = requests.flatMap((request, at) => linesOf(request, details[at] ?? new Set()));
  if (error !== undefined) lines.push(`error ${error}`);
  else if (midRequest || requests.length === 0) lines.push('incomplete');
  return lines;
}

/** The details that the vector has for each request. */
function detailsAsked(expected: readonly string[]): Set<string>[] {
  const details: Set<string>[] = [];
  for (const line of expected) {
    if (line.startsWith('head ')) details.push(new Set());
    else if (IS_DETAIL.test(line)) details.at(-1)!.add(line === 'no host' ? 'host' : line.split(' ', 1)[0]!);
  }
  return details;
}

function linesOf(request: JudgedRequest, asked: ReadonlySet<string>): string[] {
  const { method, target, version, host, framing, body } = request;
  const details: [string, string[]][] = [
    ['path', [`path ${request.path}`]],
    ['query', [`query ${request.query}`]],
    ['host', [host === undefined ? 'no host' : `host ${host}`]],
    ['field', fieldLines('field', request.fields)],
    ['framing', [framing.kind === 'length' ? `framing length ${framing.octets}` : `framing ${framing.kind}`]],
    ['persistent', [`persistent ${request.persistent ? 'yes' : 'no'}`]],
    ['continue', [`continue ${request.expectsContinue ? 'yes' : 'no'}`]],
  ];
  return [
    `head ${method} ${target} ${version}`,
    ...details.flatMap(([name, lines]) => (asked.has(name) ? lines : [])),
    ...(body === '' ? [] : [`data ${body}`]),
    ...fieldLines('trailer', request.trailers),
    ...(request.complete ? ['complete'] : []),
  ].map((line) => line.trimEnd());
}

function fieldLines(word: string, fields: readonly string[]): string[] {
  return fields.flatMap((name, at) => (at % 2 === 0 ? [`${word} ${name}: ${fields[at + 1]}`] : []));
}
