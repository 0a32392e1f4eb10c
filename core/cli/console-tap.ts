/** `serve --verbose`: every request as received and every answer as sent, the way the original server printed them. */
import type { Tap } from '../connection/transport.js';
import { TerminalDecoder } from './terminal-text.js';

type Direction = 'Receiving Request...' | 'Sending Response...';

/**
 * Octets that follow each other on one connection in one direction stand under one heading, however many reads
 * or writes brought them. Only what is printed last is remembered, so no number of connections fills memory.
 */
export class ConsoleTap implements Tap {
  readonly #print: (text: string) => void;
  #connection: number | undefined;
  #direction: Direction | undefined;
  #decoder = new TerminalDecoder();
  #atLineStart = true;

  /** @param print Takes text of any length; line ends are in it. */
  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  received(connection: number, octets: Uint8Array): void {
    this.#write(connection, 'Receiving Request...', octets);
  }

  sent(connection: number, octets: Uint8Array): void {
    this.#write(connection, 'Sending Response...', octets);
  }

  /** Nothing more comes: what was held back is printed, and the last line ends. */
  end(): void {
    const text = this.#decoder.end();
    if (!this.#endsLine(text)) this.#print(`${text}\n`);
    this.#atLineStart = true;
  }

  #write(connection: number, direction: Direction, octets: Uint8Array): void {
    let text = '';
    if (connection !== this.#connection || direction !== this.#direction) {
      text += this.#decoder.end();
      if (!this.#endsLine(text)) text += '\n';
      if (connection !== this.#connection) text += `### Connection ${connection}\n`;
      text += `${direction}\n`;
      this.#connection = connection;
      this.#direction = direction;
    }
    text += this.#decoder.write(octets);
    this.#atLineStart = this.#endsLine(text);
    if (text !== '') this.#print(text);
  }

  #endsLine(text: string): boolean {
    return text === '' ? this.#atLineStart : text.endsWith('\n');
  }
}
