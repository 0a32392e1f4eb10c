/** Requests of the classic protocol. */

/** Where the clients of 2022 may have ended a line in a bare LF: after this field, or as the empty line. */
export const LF_FORMS = ['Connection', 'Content-Length', 'the empty line'] as const;
export type LfForm = (typeof LF_FORMS)[number];

/** One request as the clients of 2022 write it, in latin1; without `form` every line ends in CR LF. */
export function classicRequest(method: string, address: string, body = '', form?: LfForm): string {
  const end = (line: LfForm): string => (line === form ? '\n' : '\r\n');
  const text = [
    `${method} / HTTP/1.1\r\n`,
    `Host: ${address}\r\n`,
    'Content-Type: text/html\r\n',
    `Connection: keep-alive${end('Connection')}`,
    `Content-Length: ${Buffer.byteLength(body)}${end('Content-Length')}`,
    `${end('the empty line')}${body}`,
  ].join('');
  return Buffer.from(text).toString('latin1');
}
