/** The options of a plugin or an adapter, validated by its own schema. */
import { type ErrorCode, JackfieldError, reasonOf } from '../errors.js';
import { askSchema } from './ask-schema.js';
import type { ConfigSource } from './config-source.js';
import { explainIssues, knownKeysOf, linesOfFaults } from './explain-issues.js';
import type { StandardResult, StandardSchema } from './standard-schema.js';

export interface OptionsOwner {
  /** The name in errors: `plugin "shout"`. */
  readonly named: string;
  readonly schema: StandardSchema<unknown, unknown> | undefined;
  /** Code of the error if the options do not fit. */
  readonly invalid: ErrorCode;
  /** Code of the error if the schema itself fails. */
  readonly broken: ErrorCode;
}

/**
 * @param given `undefined` counts as `{}`.
 * @param path The path of the options in the configuration.
 * @returns The output of the schema; `{}` if there is no schema.
 * Errors: `invalid` and `broken` of the owner.
 */
export async function validateOptions(
  { named, schema, invalid, broken }: OptionsOwner,
  given: unknown,
  path: readonly PropertyKey[],
  source: ConfigSource,
): Promise<unknown> {
  const value = given === undefined ? {} : given;
  if (schema === undefined) {
    if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return {};
    const location = source.locate(path, 'key');
    throw new JackfieldError(
      invalid,
      `${location === '' ? '' : `${location}: `}the ${named} takes no options.`,
    );
  }
  const validate = async (): Promise<StandardResult<unknown>> => {
    try {
      return await askSchema(schema, value);
    } catch (cause) {
      const detail = `the schema of the options of the ${named} failed: ${reasonOf(cause)}. Fix the schema, or remove the ${named} from the configuration.`;
      throw new JackfieldError(broken, detail, { cause });
    }
  };
  const explain = ({ issues = [] }: StandardResult<unknown>): string[] =>
    explainIssues(issues, { source, path, knownKeys: knownKeysOf(schema), schema, value });
  const { environment } = source;
  const result =
    environment === undefined
      ? await validate()
      : await environment.settle(value, path, validate, (judged) => explain(judged).length);
  if (result.issues === undefined) return result.value;
  throw new JackfieldError(invalid, linesOfFaults(explain(result).map((fault) => `${named}: ${fault}`)));
}
