/**
 * Which tests run: `JACKFIELD_TESTS` is `quick` (the default, `npm test`), `slow` (`npm run test:slow`) or `all`.
 * Quick tests run in the process of the tests. To run one file of either: `npx ava dist/test/core/errors.test.js`.
 */

/**
 * Tests that start processes, servers or browsers, that load native stores, or that try every crash state and so take
 * minutes.
 */
const SLOW = [
  'browsers/**/*',
  'contracts/{lmdb,postgres,redis,same-answers-lmdb,same-answers-servers}',
  'core/cli/store/{attacked,interrupted,transfer}',
  'core/connection/many',
  'docs/pages',
  'examples/**/*',
  'fuzz/**/*',
  'house/start-up',
  'plugins/watch-restarts',
  'service/**/*',
  'soak/**/*',
  'storage-adapters/json-file/{decision-power-failure,faults,file-lock,kill,power-failure,prove-durable,real-disk}',
  'storage-adapters/{lmdb,postgres,redis}/**/*',
].map((name) => `dist/test/${name}.test.js`);

const ALL = ['dist/test/**/*.test.js'];
const TIERS = { quick: [...ALL, ...SLOW.map((pattern) => `!${pattern}`)], slow: SLOW, all: ALL };
const tier = process.env.JACKFIELD_TESTS ?? 'quick';

export default {
  files: TIERS[tier],
  // Quick tests mostly wait for sockets and timers, so more files than cores run at the same time.
  ...(tier === 'quick' ? { concurrency: 4 } : {}),
  timeout: '120s',
};
