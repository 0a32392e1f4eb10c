/** The interface of a command and of its surroundings. */
import type { ServerConfig } from '../config/server-config.js';
import type { Server, ServerOptions } from '../server.js';
import type { FlagName, FlagValues } from './flags.js';
import type { WatchedServer } from './watchdog.js';

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The names of its arguments; each one is required. */
  readonly takes: readonly string[];
  /** In addition to the common flags. */
  readonly flags: readonly FlagName[];
  /** Help texts for flags that mean something special in this command. */
  readonly flagHelp?: Readonly<Partial<Record<FlagName, string>>>;
  readonly examples: readonly string[];
  /** A group: its commands have two words, and the first is this name. */
  readonly commands?: readonly Command[];
  /** @returns The exit code. */
  run(call: Call, around: Surroundings): Promise<number>;
}

/** A parsed command line. */
export interface Call {
  readonly flags: FlagValues;
  /** The arguments, as many as the command takes. */
  readonly given: readonly string[];
}

export interface Output {
  write(text: string): unknown;
}

export interface Surroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Absolute. */
  readonly cwd: string;
  /** Loaded only by the commands that need a server, so the others start at once. */
  loadServer(): Promise<{ createServer(config: ServerConfig, options: ServerOptions): CommandServer }>;
  /** The process: it emits signals. */
  readonly signals: {
    on(signal: StopSignal | 'SIGHUP', listener: () => void): unknown;
    off(signal: StopSignal | 'SIGHUP', listener: () => void): unknown;
  };
  /** The process: it emits errors that nobody caught. */
  readonly faults: { on(fault: Fault, listener: (error: unknown) => void): unknown };
  /** Names the plugin that blocks the event loop. */
  readonly watchdog: { watch(watched: WatchedServer): void; stop(): void };
  /** Called when the server listens: from then on a plugin may end the process. */
  started(): void;
  /** Ends the process at once, without waiting for work in progress. */
  exit(code: number): void;
}

/** The part of a server that commands use. */
export type CommandServer = Pick<
  Server,
  'listen' | 'addresses' | 'reload' | 'ready' | 'close' | 'closed' | 'plugins' | 'hasClients' | 'storage'
>;

export type StopSignal = 'SIGINT' | 'SIGTERM';

export type Fault = 'uncaughtException' | 'unhandledRejection';
