/** `jackfield schema`: writes the JSON Schema with which an editor completes and checks a configuration file. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { nameOf, readConfig } from '../config/config-file.js';
import { type DescribedExtensions, describeExtensions } from '../config/describe-extensions.js';
import { jsonSchemaOf } from '../config/json-schema.js';
import { resolveConfig } from '../config/validate-config.js';
import { PLUGINS } from '../plugin-host/load-plugins.js';
import { recognise } from '../plugin-host/recognise-plugin.js';
import { ADAPTERS, asDefinition } from '../storage/find-adapter.js';
import type { Command } from './command.js';
import { linesOf } from './report-error.js';
import { terminalText } from './terminal-text.js';

export const SCHEMA_FILE = 'jackfield.schema.json';

export const schema: Command = {
  name: 'schema',
  summary:
    'write the JSON Schema of the configuration, with the options of all installed plugins and adapters',
  takes: [],
  flags: ['config', 'output', 'json'],
  flagHelp: {
    output: `the file to write, instead of ${SCHEMA_FILE} beside the configuration`,
    json: 'print the schema instead of writing a file',
  },
  examples: ['jackfield schema', 'jackfield schema --output conf/schema.json', 'jackfield schema --json'],
  async run({ flags }, { stdout, stderr, cwd }) {
    const { config, source } = await readConfig(flags.config, cwd);
    const { plugins: entries, storage } = resolveConfig(config, source);
    const named = entries.map((entry) => (typeof entry === 'object' && 'use' in entry ? entry.use : entry));
    const plugins = await describeExtensions(PLUGINS, source.folder, namesAmong(named), pluginOptions);
    const adapters = await describeExtensions(
      ADAPTERS,
      source.folder,
      namesAmong([storage.adapter]),
      (exported, reference) => asDefinition(exported, JSON.stringify(reference)).options,
    );
    for (const line of notesOn(plugins, adapters)) stderr.write(`jackfield: ${terminalText(line)}\n`);
    const text = `${JSON.stringify(jsonSchemaOf(plugins.described, adapters.described), null, 2)}\n`;
    if (flags.json === true) {
      stdout.write(text);
      return 0;
    }
    const file =
      flags.output === undefined ? path.join(source.folder, SCHEMA_FILE) : path.resolve(cwd, flags.output);
    await writeFile(file, text);
    const reference = path.relative(source.folder, file).replaceAll(path.sep, '/');
    stdout.write(
      `${nameOf(file, cwd)} was written; put "$schema": ${JSON.stringify(reference.startsWith('.') ? reference : `./${reference}`)} into the configuration.\n`,
    );
    return 0;
  },
};

function pluginOptions(exported: unknown, reference: string): unknown {
  return recognise(exported, reference, '').told.options;
}

/** A plugin or adapter that a program passes as an object has no name that a file could use. */
function namesAmong(references: readonly unknown[]): string[] {
  return references.filter((reference) => typeof reference === 'string');
}

function notesOn(...all: readonly DescribedExtensions[]): string[] {
  return all
    .flatMap(({ unloadable }) => unloadable)
    .flatMap(({ reference, error }) => [
      `the options of ${JSON.stringify(reference)} are not in the schema, because it cannot be loaded:`,
      ...linesOf(error, false),
    ]);
}
