/** Runs the cases of a case file against a server of the classic protocol. */
import type { ClassicCase } from './case-file.js';
import { type BareLf, classicRequestOctets } from './classic-client.js';
import { compareClassic } from './compare-classic.js';
import { type ExchangeResult, type RunOptions, runExchanges } from './run-exchanges.js';

export interface CaseOptions extends RunOptions {
  /** The line of every request that ends in LF alone, as in the original client. Default: none. */
  readonly bareLf?: BareLf;
}

/** Yields each result as soon as it is known. Errors: SERVER_UNREACHABLE, which ends the run. */
export function runCases(
  cases: readonly ClassicCase[],
  options: CaseOptions = {},
): AsyncGenerator<ExchangeResult, void, undefined> {
  return runExchanges(
    cases.map((classicCase) => ({
      title: `Test Case ${classicCase.case}: ${classicCase.title}`,
      request: classicRequestOctets(classicCase.request, options.bareLf),
      manner: { method: classicCase.request.method, wire: 'classic' } as const,
      judge: (outcome) => compareClassic(classicCase.response, outcome),
      ends: () => classicCase.response === null,
    })),
    options,
  );
}
