/** The results that any schema may return, and how they are cleaned. */
import test from 'ava';
import { askSchema } from '../../../core/config/ask-schema.js';
import type { StandardSchema } from '../../../core/config/standard-schema.js';

const answering = (answer: unknown): StandardSchema<unknown, unknown> => ({
  // It may break the type.
  '~standard': { version: 1, vendor: 'test', validate: () => answer as never },
});
const NO_WORDS = 'is not valid; the schema gives no reason';

test('every issue gets a message and a path of keys', async (t) => {
  const hole = new Array<unknown>(1);
  for (const issue of [null, undefined, 'no', 5, {}, { message: '' }, { message: 1, path: 'a' }]) {
    const { issues = [] } = await askSchema(answering({ issues: [issue] }), {});
    t.deepEqual(
      issues.map(({ message, path }) => ({ message, path })),
      [{ message: NO_WORDS, path: [] }],
    );
  }
  t.like(await askSchema(answering({ issues: hole }), {}), { issues: { 0: { message: NO_WORDS } } });
  t.like(await askSchema(answering({ issues: [{ message: 'a', errors: hole }] }), {}), {
    issues: { 0: { errors: { 0: [] } } },
  });
  t.like(await askSchema(answering({ issues: [{ message: 'a', path: ['b', { key: 0 }, {}, null] }] }), {}), {
    issues: { 0: { message: 'a', path: ['b', 0] } },
  });
  t.deepEqual(await askSchema(answering({ issues: [] }), {}), { issues: [{ message: NO_WORDS }] });
});

test('an invalid result is a fault of the schema', async (t) => {
  for (const answer of [undefined, null, 1, 'x', { issues: null }, { issues: 'no' }])
    await t.throwsAsync(askSchema(answering(answer), {}), { instanceOf: TypeError });
});
