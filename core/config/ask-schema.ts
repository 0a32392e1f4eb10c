/** Asks a schema that anybody may have written, and believes nothing of what it answers. */
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js';

/** What is told where the schema has no words. */
const NO_WORDS = 'is not valid; the schema gives no reason';

/**
 * Its answer; issues have a message and a path that can be told, and where there are any there is at least one.
 * @throws what the schema throws, and TypeError where its answer is none.
 */
export async function askSchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<StandardResult<Output>> {
  const answer: unknown = await schema['~standard'].validate(value);
  if (typeof answer !== 'object' || answer === null) throw new TypeError('it returned no result');
  const { issues } = answer as { readonly issues?: unknown };
  // Checked as far as it can be: what its output is, only the schema knows.
  if (issues === undefined) return answer as StandardResult<Output>;
  if (!Array.isArray(issues)) throw new TypeError('it returned issues that are not a list');
  // Not mapped: a hole would stay one.
  const told = Array.from<unknown, StandardIssue>(issues, cleaned);
  return { issues: told.length > 0 ? told : [{ message: NO_WORDS }] };
}

function cleaned(issue: unknown): StandardIssue {
  const { message, path, errors } = Object(issue) as Readonly<Record<string, unknown>>;
  const segments: readonly unknown[] = Array.isArray(path) ? path : [];
  // Under its own properties others may stand, which zod's issues have.
  return {
    ...Object(issue),
    message: typeof message === 'string' && message !== '' ? message : NO_WORDS,
    path: segments.flatMap(keyOf),
    // zod tells of each form of a union why it is none.
    ...(Array.isArray(errors) ? { errors: Array.from<unknown, StandardIssue[]>(errors, cleanedBranch) } : {}),
  };
}

function cleanedBranch(branch: unknown): StandardIssue[] {
  return Array.isArray(branch) ? Array.from<unknown, StandardIssue>(branch, cleaned) : [];
}

/** A key, or an object that has it. */
function keyOf(segment: unknown): PropertyKey[] {
  const key: unknown =
    typeof segment === 'object' && segment !== null ? Reflect.get(segment, 'key') : segment;
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'symbol' ? [key] : [];
}
