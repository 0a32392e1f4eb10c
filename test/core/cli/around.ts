import { EventEmitter } from 'node:events';
import type { CommandServer } from '../../../core/cli/command.js';
import { run } from '../../../core/cli/run.js';
import type { ServerConfig } from '../../../core/config/server-config.js';
import type { ServerOptions } from '../../../core/server.js';

/** A server that a test controls. */
export class FakeServer implements CommandServer {
  storage: CommandServer['storage'] = undefined;
  readonly closed: Promise<void>;
  /** Ends `closed`, as close() or a plugin such as END does. */
  stop!: () => void;
  plugins: CommandServer['plugins'] = [];
  readonly hasClients = false;
  addresses: CommandServer['addresses'] = [
    { host: '127.0.0.1', port: 10_000, url: 'http://127.0.0.1:10000' },
  ];
  readonly calls: string[] = [];

  constructor() {
    this.closed = new Promise((resolve) => {
      this.stop = resolve;
    });
  }

  async listen(): ReturnType<CommandServer['listen']> {
    this.calls.push('listen');
    return { host: '', port: 0, url: 'unused' };
  }

  async reload(_config: ServerConfig): ReturnType<CommandServer['reload']> {
    this.calls.push('reload');
    return { started: [], kept: [], left: [], changedFiles: [], retired: Promise.resolve() };
  }

  async ready(): Promise<void> {
    this.calls.push('ready');
  }

  async close(): Promise<void> {
    this.calls.push('close');
    this.stop();
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly finished: Promise<Ran>;
  readonly signals: EventEmitter;
  readonly exits: number[];
  /** Resolves when stdout has this text. */
  printed(text: string): Promise<void>;
  /** The arguments that the server was created with. */
  readonly made: { config?: ServerConfig; options?: ServerOptions };
}

export function start(
  argv: readonly string[],
  cwd: string,
  server: CommandServer = new FakeServer(),
): Started {
  const out = { stdout: '', stderr: '' };
  const written = new EventEmitter();
  const output = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      out[name] += text;
      written.emit(name);
    },
  });
  const signals = new EventEmitter();
  const exits: number[] = [];
  const made: { config?: ServerConfig; options?: ServerOptions } = {};
  const finished = run(argv, {
    stdout: output('stdout'),
    stderr: output('stderr'),
    cwd,
    loadServer: async () => ({
      createServer(config, options) {
        Object.assign(made, { config, options });
        return server;
      },
    }),
    signals,
    faults: new EventEmitter(),
    watchdog: { watch: () => undefined, stop() {} },
    started() {},
    exit: (code) => exits.push(code),
  }).then((code) => ({ code, ...out }));
  const printed = async (text: string): Promise<void> => {
    while (!out.stdout.includes(text)) await new Promise((resolve) => written.once('stdout', resolve));
  };
  return { finished, signals, exits, printed, made };
}

export function ran(argv: readonly string[], cwd: string, server?: CommandServer): Promise<Ran> {
  return start(argv, cwd, server).finished;
}
