/**
 * How `jackfield reload` reaches a server: `serve --control FILE` listens on a Unix socket that only its own user can
 * open. A client sends one line of JSON and gets one back; a signal could not return the outcome.
 */
import { connect, createServer, type Server } from 'node:net';
import { JackfieldError } from '../errors.js';
import { socketError } from '../listening/listen-error.js';
import { checkLength, removeStale, setMode } from '../listening/unix-socket.js';

/** The outcome of the reload, in the lines that a start would print. */
export interface ControlAnswer {
  readonly ok: boolean;
  readonly lines: readonly string[];
}

const REQUEST = '{"command":"reload"}\n';
const OWNER_ONLY = 0o600;

export class ReloadControl {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param path Absolute. A socket file that a killed server left is removed.
   * Errors: SOCKET_IN_USE, SOCKET_UNAVAILABLE.
   */
  static async listen(path: string, reload: () => Promise<ControlAnswer>): Promise<ReloadControl> {
    checkLength(path);
    await removeStale(path);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      let asked = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        asked += text;
        if (asked.length < REQUEST.length) return;
        if (asked !== REQUEST) return void socket.destroy();
        void reload().then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(socketError(cause, path)));
      server.listen(path, resolve);
    });
    await setMode(path, OWNER_ONLY);
    return new ReloadControl(server);
  }

  /** Node removes the socket file as well. */
  stop(): void {
    this.#server.close();
  }
}

/**
 * Asks the server on this socket to reload.
 * @param path Absolute.
 * @param named The path as the user wrote it.
 * Errors: SERVER_UNREACHABLE.
 */
export function askToReload(path: string, named: string): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const unreachable = (why: string, cause?: unknown): void =>
      reject(new JackfieldError('SERVER_UNREACHABLE', `${named}: ${why}.`, { cause }));
    let answer = '';
    connect({ path })
      .setEncoding('utf8')
      .on('connect', function ask(this: { write(text: string): unknown }) {
        this.write(REQUEST);
      })
      .on('data', (text: string) => {
        answer += text;
      })
      .on('end', () => {
        if (answer.endsWith('\n')) resolve(JSON.parse(answer) as ControlAnswer);
        else unreachable('the server closed the connection before it answered');
      })
      .on('error', (cause) =>
        unreachable('no server listens there; pass the FILE of "jackfield serve --control FILE"', cause),
      );
  });
}
