/** Calls a schema from any author and checks everything that it returns. */
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js';

/** The message of an issue without a message. */
const NO_WORDS = 'is not valid; the schema gives no reason';

/**
 * The result of the schema. Every issue has a message and a path that can be printed, and a failure has at least one
 * issue.
 * @throws the errors of the schema, and TypeError if its result is not valid.
 */
export async function askSchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<StandardResult<Output>> {
  const answer: unknown = await schema['~standard'].validate(value);
  if (typeof answer !== 'object' || answer === null) throw new TypeError('it returned no result');
  const { issues } = answer as { readonly issues?: unknown };
  // The output itself cannot be checked: only the schema knows its type.
  if (issues === undefined) return answer as StandardResult<Output>;
  if (!Array.isArray(issues)) throw new TypeError('it returned issues that are not a list');
  // A loop, because `map` would keep holes.
  const cleanIssues = Array.from<unknown, StandardIssue>(issues, cleaned);
  return { issues: cleanIssues.length > 0 ? cleanIssues : [{ message: NO_WORDS }] };
}

function cleaned(issue: unknown): StandardIssue {
  const { message, path, errors } = Object(issue) as Readonly<Record<string, unknown>>;
  const segments: readonly unknown[] = Array.isArray(path) ? path : [];
  // Keep the other properties too: issues of zod have more of them.
  return {
    ...Object(issue),
    message: typeof message === 'string' && message !== '' ? message : NO_WORDS,
    path: segments.flatMap(keyOf),
    // zod reports, for each form of a union, why the value does not match.
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
