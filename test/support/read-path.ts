/** Which of the two read paths this run of the suite is about: see `run-suite.ts`. */
export const IS_PORTABLE = process.env.JACKFIELD_READ_PATH === 'portable';

/** The options of Node that a process of the suite needs to be read on that path. */
export const NODE_OPTIONS = IS_PORTABLE
  ? `--import=${new URL('portable-reads.js', import.meta.url).href}`
  : '';
