/** The options of a plugin, validated by its own schema. */

import { askSchema } from '../config/ask-schema.js';
import type { ConfigSource } from '../config/config-source.js';
import { explainIssues, knownKeysOf, linesOfFaults } from '../config/explain-issues.js';
import type { StandardResult, StandardSchema } from '../config/standard-schema.js';
import { JackfieldError, reasonOf } from '../errors.js';

/**
 * @param name How the plugin is called in errors.
 * @param path Where the options stand in the configuration.
 * Errors: PLUGIN_OPTIONS_INVALID; PLUGIN_INVALID where the schema itself fails.
 */
export async function validateOptions(
  name: string,
  schema: StandardSchema<unknown, unknown> | undefined,
  given: unknown,
  path: readonly PropertyKey[],
  source: ConfigSource,
): Promise<unknown> {
  if (schema === undefined) {
    if (given === undefined || isEmpty(given)) return {};
    const location = source.locate(path, 'key');
    throw new JackfieldError(
      'PLUGIN_OPTIONS_INVALID',
      `${location === '' ? '' : `${location}: `}the plugin "${name}" takes no options.`,
    );
  }
  const value = given === undefined ? {} : given;
  const explain = (result: StandardResult<unknown>): string[] =>
    explainIssues(result.issues ?? [], { source, path, knownKeys: knownKeysOf(schema), schema, value });
  await source.environment?.settle(
    value,
    path,
    async () => explain(await validated(name, schema, value)).length,
  );
  const result = await validated(name, schema, value);
  if (result.issues === undefined) return result.value;
  throw new JackfieldError(
    'PLUGIN_OPTIONS_INVALID',
    linesOfFaults(explain(result).map((fault) => `plugin "${name}": ${fault}`)),
  );
}

function isEmpty(given: unknown): boolean {
  return typeof given === 'object' && given !== null && Object.keys(given).length === 0;
}

async function validated(
  name: string,
  schema: StandardSchema<unknown, unknown>,
  value: unknown,
): Promise<StandardResult<unknown>> {
  try {
    return await askSchema(schema, value);
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new JackfieldError(
      'PLUGIN_INVALID',
      `the schema of the options of "${name}" failed: ${reason}. Mend it, or take the plugin out of "plugins".`,
      { cause },
    );
  }
}
