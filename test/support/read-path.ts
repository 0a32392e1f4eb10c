/** Which of the two read paths this run of the suite tests: see `run-suite.ts`. */
export const IS_PORTABLE = process.env.JACKFIELD_READ_PATH === 'portable';

/** The Node options with which a process of the suite uses that path. */
export const NODE_OPTIONS = IS_PORTABLE
  ? `--import=${new URL('portable-reads.js', import.meta.url).href}`
  : '';
