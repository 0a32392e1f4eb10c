/** A server whose answer is the source of the request, and a log that tests can wait for. */
import { EventEmitter, once } from 'node:events';
import type { ExecutionContext } from 'ava';
import type { Plugin } from '../../core/api/plugin.js';
import type { ServerConfig } from '../../core/config/server-config.js';
import type { Log, LogLevel } from '../../core/log.js';
import { createServer, type Server } from '../../core/server.js';

/** Answers with the source of the request, as JSON. */
export const who: Plugin = {
  name: 'who',
  setup({ handle }) {
    handle('GET', '/who', ({ remoteAddress, protocol, host }) => ({
      json: { remoteAddress, protocol, host },
    }));
  },
};

export const GET_WHO = 'GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A server with this configuration and a store in memory; closed when the test is over. */
export function serverOf(t: ExecutionContext, config: ServerConfig = {}, log?: Log): Server {
  const server = createServer(
    { listen: { port: 0 }, storage: { adapter: 'memory' }, plugins: [who], ...config },
    log === undefined ? {} : { log },
  );
  t.teardown(() => server.close());
  return server;
}

export interface Logged {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that keeps its lines and can be waited for. */
export class KeptLog implements Log {
  readonly lines: Logged[] = [];
  readonly #news = new EventEmitter();
  readonly debug: Log['debug'] = this.#at('debug');
  readonly info: Log['info'] = this.#at('info');
  readonly warn: Log['warn'] = this.#at('warn');
  readonly error: Log['error'] = this.#at('error');

  child(): Log {
    return this;
  }

  /** Resolves with the first line whose message contains this text. */
  async until(text: string, from = 0): Promise<Logged> {
    for (;;) {
      const line = this.lines.slice(from).find(({ message }) => message.includes(text));
      if (line !== undefined) return line;
      await once(this.#news, 'news');
    }
  }

  #at(level: LogLevel): Log['info'] {
    return (first: Logged['fields'] | string, second?: string): void => {
      const line =
        typeof first === 'string'
          ? { level, message: first, fields: {} }
          : { level, message: second ?? '', fields: first };
      this.lines.push(line);
      this.#news.emit('news');
    };
  }
}
