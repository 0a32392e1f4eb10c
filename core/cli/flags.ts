/** Every flag of the command line. A flag means the same in every command. */
import type { BareLf } from '../client/classic-client.js';

/** The values of `--bare-lf`. They are here and not in the client, because no other command loads the client. */
export const BARE_LF = ['connection', 'content-length', 'empty-line'] as const satisfies readonly BareLf[];

export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** The name of the value in the help. */
  readonly value?: string;
  readonly help: string;
}

export const FLAGS = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: 'configuration file; default: jackfield.config.json, .js, .mjs or .ts in this folder',
  },
  host: {
    type: 'string',
    value: 'HOST',
    help: 'address or host name to listen on, instead of the one in the configuration',
  },
  port: {
    type: 'string',
    short: 'p',
    value: 'PORT',
    help: 'port to listen on, instead of the one in the configuration',
  },
  control: {
    type: 'string',
    value: 'FILE',
    help: 'a Unix socket for "jackfield reload"',
  },
  output: { type: 'string', value: 'FILE', help: 'the file to write' },
  installed: { type: 'boolean', help: 'list all installed plugins and adapters, configured or not' },
  ts: { type: 'boolean', help: 'write the project in TypeScript (the default)' },
  js: { type: 'boolean', help: 'write the project in JavaScript' },
  folder: {
    type: 'string',
    value: 'FOLDER',
    help: 'folder of the project; default: a new folder with the name of the package',
  },
  watch: { type: 'boolean', help: 'reload when the configuration file changes' },
  'one-connection': {
    type: 'boolean',
    help: 'send all requests over one connection instead of one connection each',
  },
  'bare-lf': {
    type: 'string',
    value: 'LINE',
    help: 'end one line of every request of a case file with LF alone, as the clients of 2022 did: connection, content-length or empty-line',
  },
  from: { type: 'string', value: 'STORE', help: 'configuration file of the source, or ADAPTER:PATH' },
  to: { type: 'string', value: 'STORE', help: 'configuration file of the target, or ADAPTER:PATH' },
  resume: { type: 'boolean', help: 'continue after the entries that an interrupted run has stored' },
  merge: { type: 'boolean', help: 'add the entries to those that the target already has' },
  verbose: { type: 'boolean', help: 'print every request as received and every response as sent' },
  json: { type: 'boolean', help: 'print JSON' },
  debug: { type: 'boolean', help: 'print stack traces of errors, and log more' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;

/** Flags of every command. */
export const COMMON_FLAGS = ['debug', 'help', 'version'] as const satisfies readonly FlagName[];

/** The given flags; their values are checked. */
export type FlagValues = {
  readonly [Name in Exclude<FlagName, 'port' | 'bare-lf'>]?: (typeof FLAGS)[Name]['type'] extends 'boolean'
    ? boolean
    : string;
} & { readonly port?: number; readonly 'bare-lf'?: BareLf };
