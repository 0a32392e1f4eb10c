/** A file of classic exchanges, each with its expected answer. The format is that of `examples/classic/cases.json`. */
import path from 'node:path';
import { z } from 'zod';
import { nameOf } from '../config/config-file.js';
import { explainIssues } from '../config/explain-issues.js';
import { parseJson } from '../config/json-document.js';
import { readText } from '../config/text-file.js';
import { JackfieldError } from '../errors.js';
import type { ClassicRequest } from './classic-client.js';

export interface ClassicCase {
  readonly case: number;
  readonly title: string;
  readonly request: ClassicRequest;
  /** `null`: the connection closes without an answer. */
  readonly response: ExpectedResponse | null;
}

export interface ExpectedResponse {
  readonly status: number;
  readonly reason: string;
  /** The whole value of the Host field, `HOST/PATH`. */
  readonly host: string;
  readonly body: string;
}

/** Text of one line: a line end in it would change the structure of the request. */
const lineError = 'expected a string without control characters';
const line = z.string({ error: lineError }).regex(/^[^\x00-\x1f\x7f]*$/, { error: lineError });
const tokenError = 'expected a method (RFC 9110 §9.1)';

const casesSchema = z
  .array(
    z.strictObject({
      case: z.int({ error: 'expected a whole number' }),
      title: line,
      request: z.strictObject({
        method: z.string({ error: tokenError }).regex(/^[!#$%&'*+.^_`|~\w-]+$/, { error: tokenError }),
        host: line,
        path: line,
        body: z.string(),
      }),
      response: z
        .strictObject({
          status: z
            .int({ error: 'expected a status from 100 to 599' })
            .min(100, { error: 'expected a status from 100 to 599' })
            .max(599, { error: 'expected a status from 100 to 599' }),
          reason: line,
          host: line,
          body: z.string(),
        })
        .nullable(),
    }),
    { error: 'expected a list of cases' },
  )
  .min(1, { error: 'expected at least one case' }) satisfies z.ZodType<ClassicCase[]>;

/**
 * @param cwd Absolute; a relative `file` starts there.
 * Errors: CASES_INVALID, one fault a line.
 */
export async function readCases(file: string, cwd: string = process.cwd()): Promise<ClassicCase[]> {
  const absolute = path.resolve(cwd, file);
  const name = nameOf(absolute, cwd);
  return parseCases(await readText(absolute, name, 'CASES_INVALID'), name);
}

/** @param name The name of the file in errors. Errors: CASES_INVALID. */
export function parseCases(text: string, name: string): ClassicCase[] {
  const document = parseJson(text, name, { syntax: 'CASES_INVALID', repeated: 'CASES_INVALID' });
  const { data, error } = casesSchema.safeParse(document.value);
  if (data !== undefined) return data;
  const source = { folder: '', locate: document.locate };
  const faults = explainIssues(error.issues, {
    source,
    path: [],
    schema: casesSchema,
    value: document.value,
  });
  throw new JackfieldError('CASES_INVALID', faults.join('\n'));
}
