/** Every flag of the command line. One name means the same in every command that takes it. */
import type { BareLf } from '../client/classic-client.js';

/** What `--bare-lf` takes. Here and not beside the client, which no other command loads. */
export const BARE_LF = ['connection', 'content-length', 'empty-line'] as const satisfies readonly BareLf[];

export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** How the value is called in the help. */
  readonly value?: string;
  readonly help: string;
}

export const FLAGS = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: 'configuration file; without it jackfield.config.json, .js, .mjs or .ts of this folder',
  },
  host: { type: 'string', value: 'HOST', help: 'address or name, instead of the configured one' },
  port: { type: 'string', short: 'p', value: 'PORT', help: 'port, instead of the configured one' },
  control: {
    type: 'string',
    value: 'FILE',
    help: 'a Unix socket on which "jackfield reload" reaches the server',
  },
  output: { type: 'string', value: 'FILE', help: 'the file to write' },
  installed: { type: 'boolean', help: 'list what could be configured, instead of what is' },
  ts: { type: 'boolean', help: 'in TypeScript; the default' },
  js: { type: 'boolean', help: 'in JavaScript' },
  folder: {
    type: 'string',
    value: 'FOLDER',
    help: 'where to; without it a new folder of the name of the package',
  },
  watch: { type: 'boolean', help: 'reload when the configuration file changes' },
  'one-connection': { type: 'boolean', help: 'all exchanges over one connection instead of one each' },
  'bare-lf': {
    type: 'string',
    value: 'LINE',
    help: 'end one line of every request of a case file in LF alone, as the clients of 2022 did: connection, content-length or empty-line',
  },
  from: { type: 'string', value: 'STORE', help: 'configuration file of the source, or ADAPTER:PATH' },
  to: { type: 'string', value: 'STORE', help: 'configuration file of the target, or ADAPTER:PATH' },
  resume: { type: 'boolean', help: 'go on behind what an interrupted run has stored' },
  merge: { type: 'boolean', help: 'put the entries into what the target holds already' },
  verbose: { type: 'boolean', help: 'print every request as received and every answer as sent' },
  json: { type: 'boolean', help: 'print JSON, for programs' },
  debug: { type: 'boolean', help: 'show where an error arose, and log more' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;

/** Taken with every command. */
export const COMMON_FLAGS = ['debug', 'help', 'version'] as const satisfies readonly FlagName[];

/** Flags as given, values checked. */
export interface FlagValues {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly control?: string;
  readonly output?: string;
  readonly installed?: boolean;
  readonly ts?: boolean;
  readonly js?: boolean;
  readonly folder?: string;
  readonly watch?: boolean;
  readonly 'one-connection'?: boolean;
  readonly 'bare-lf'?: BareLf;
  readonly from?: string;
  readonly to?: string;
  readonly resume?: boolean;
  readonly merge?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly debug?: boolean;
  readonly help?: boolean;
  readonly version?: boolean;
}
