/** The options of a plugin, validated by its own schema. */
import type { ConfigSource } from '../config/server-config.js';
import type { StandardIssue, StandardResult, StandardSchema } from '../config/standard-schema.js';
import { explainIssues, knownKeysOf } from '../config/validate-config.js';
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
  const value = given ?? {};
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
    explain(result)
      .map((fault) => `plugin "${name}": ${fault}`)
      .join('\n'),
  );
}

function isEmpty(given: unknown): boolean {
  return typeof given === 'object' && given !== null && Object.keys(given).length === 0;
}

function isIssue(issue: unknown): issue is StandardIssue {
  if (typeof issue !== 'object' || issue === null) return false;
  const { message, path } = issue as Partial<Record<keyof StandardIssue, unknown>>;
  return typeof message === 'string' && (path === undefined || Array.isArray(path));
}

async function validated(
  name: string,
  schema: StandardSchema<unknown, unknown>,
  value: unknown,
): Promise<StandardResult<unknown>> {
  try {
    const result: unknown = await schema['~standard'].validate(value);
    if (typeof result !== 'object' || result === null) throw new TypeError('it returned no result');
    const issues: unknown = Reflect.get(result, 'issues');
    if (issues === undefined) return { value: Reflect.get(result, 'value') };
    if (!Array.isArray(issues) || issues.length === 0 || !issues.every(isIssue))
      throw new TypeError('what it returned as issues is no list of { message, path }');
    return { issues };
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new JackfieldError(
      'PLUGIN_INVALID',
      `the schema of the options of "${name}" failed: ${reason}. Mend it, or take the plugin out of "plugins".`,
      { cause },
    );
  }
}
