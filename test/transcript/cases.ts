/** The sixteen exchanges of the published transcript: requests and expected answers. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { classicRequest, LF_FORMS, type LfForm } from './classic-request.js';

interface Case {
  readonly case: number;
  readonly title: string;
  readonly request: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly body: string;
  };
  readonly response: {
    readonly status: number;
    readonly reason: string;
    readonly host: string;
    readonly body: string;
  } | null;
}

export const CASES: readonly Case[] = JSON.parse(
  readFileSync(path.join(rootOf(import.meta.dirname), 'examples', 'classic', 'cases.json'), 'utf8'),
);
export const requestsIn = (form: LfForm | undefined): readonly string[] =>
  CASES.map(({ request: { method, host, path: segment, body } }) =>
    classicRequest(method, `${host}/${segment}`, body, form),
  );

/** CR LF on every line, and a bare LF at each place where the original clients may have had it. */
export const FORMS = [undefined, ...LF_FORMS] as const;

/** The answers to the client, in order; `undefined` for a connection that closes instead. */
export type Transcript = readonly (string | undefined)[];

export const EXPECTED: Transcript = CASES.map(({ response }) => {
  if (response === null) return undefined;
  const { status, reason, host, body } = response;
  return Buffer.from(
    [
      `HTTP/1.1 ${status} ${reason}`,
      `Host: ${host}`,
      'Content-Type: text/html',
      'Connection: keep-alive',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Date: *',
      '',
      body,
    ].join('\r\n'),
  ).toString('latin1');
});

/** The tests run from dist/; the examples are next to package.json. */
function rootOf(folder: string): string {
  return existsSync(path.join(folder, 'package.json')) ? folder : rootOf(path.dirname(folder));
}
