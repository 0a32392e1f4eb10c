/** What a command is, and what it may use of the world around it. */
import type { ServerConfig } from '../config/server-config.js';
import type { Server, ServerOptions } from '../server.js';
import type { FlagName, FlagValues } from './flags.js';
import type { WatchedServer } from './watchdog.js';

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it takes beside flags, by name; each has to be given. */
  readonly takes: readonly string[];
  /** Beside the common ones. */
  readonly flags: readonly FlagName[];
  /** Where a flag of this command needs other words than the table has. */
  readonly flagHelp?: Readonly<Partial<Record<FlagName, string>>>;
  readonly examples: readonly string[];
  /** A group: its commands have two words, the first of which is this name. */
  readonly commands?: readonly Command[];
  /** @returns The exit code. */
  run(call: Call, around: Surroundings): Promise<number>;
}

/** A command line that was understood. */
export interface Call {
  readonly flags: FlagValues;
  /** As many as the command takes. */
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
  /** The server is loaded by the commands that need one, so the others start at once. */
  loadServer(): Promise<{ createServer(config: ServerConfig, options: ServerOptions): CommandServer }>;
  /** Where signals arrive: the process. */
  readonly signals: {
    on(signal: StopSignal | 'SIGHUP', listener: () => void): unknown;
    off(signal: StopSignal | 'SIGHUP', listener: () => void): unknown;
  };
  /** Where what nobody caught arrives: the process. */
  readonly faults: { on(fault: Fault, listener: (error: unknown) => void): unknown };
  /** Names the plugin that holds up the event loop of the process. */
  readonly watchdog: { watch(watched: WatchedServer): void; stop(): void };
  /** Called when the server listens: from here on a plugin may end the process. */
  started(): void;
  /** Ends the process at once, whatever is under way. */
  exit(code: number): void;
}

/** What commands use of a server. */
export type CommandServer = Pick<
  Server,
  'listen' | 'addresses' | 'reload' | 'ready' | 'close' | 'closed' | 'plugins' | 'hasClients' | 'storage'
>;

export type StopSignal = 'SIGINT' | 'SIGTERM';

export type Fault = 'uncaughtException' | 'unhandledRejection';
