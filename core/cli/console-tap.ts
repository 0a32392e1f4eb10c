/**
 * `serve --verbose`: prints every request as received and every answer as sent, in the format of the original server.
 */
import type { Tap } from '../connection/transport.js';
import { TerminalDecoder } from './terminal-text.js';

type Direction = 'Receiving Request...' | 'Sending Response...';

/**
 * Consecutive octets of one connection in one direction have one heading, however many reads or writes brought them.
 * Only the last heading is remembered, so the number of connections costs no memory.
 */
export class ConsoleTap implements Tap {
  readonly #print: (text: string) => void;
  #connection: number | undefined;
  #direction: Direction | undefined;
  #decoder = new TerminalDecoder();
  #atLineStart = true;

  /** @param print Prints text of any length, which contains its line ends. */
  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  received(connection: number, octets: Uint8Array): void {
    this.#write(connection, 'Receiving Request...', octets);
  }

  sent(connection: number, octets: Uint8Array): void {
    this.#write(connection, 'Sending Response...', octets);
  }

  /** Prints what was held back, and ends the last line. */
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
