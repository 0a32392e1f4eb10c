/** Tests the checker with histories that are known to be right or wrong. */
import test from 'ava';
import type { Change, CommitResult } from '../../../core/storage/contract.js';
import { type Call, isLinearizable } from '../../../core/testing/storage/linearizability.js';

type When = readonly [invoked: number, answered: number];

const get = ([invoked, answered]: When, key: string, value?: string, revision = 0): Call => ({
  invoked,
  answered,
  get: key,
  found: value === undefined ? undefined : { value, revision },
});

const commit = ([invoked, answered]: When, change: Change, result: CommitResult | undefined): Call => ({
  invoked,
  answered,
  commit: change,
  result,
});

/** A put of one key; `before` is the entry that it says it replaced. */
function put(when: When, key: string, value: string, revision: number, before?: [string, number]): Call {
  const [value0, revision0] = before ?? ['', 0];
  const entry = { key, value: value0, created: 1, revision: revision0 };
  const previous = new Map(before === undefined ? [] : [[key, entry]]);
  return commit(when, { puts: [{ key, value }] }, { ok: true, revision, previous });
}

const unknown = (invoked: number, change: Change) =>
  commit([invoked, Number.POSITIVE_INFINITY], change, undefined);

const RIGHT: Readonly<Record<string, readonly Call[]>> = {
  'an empty history': [],
  'one call after the other': [
    get([0, 1], 'a'),
    put([2, 3], 'a', 'x', 1),
    get([4, 5], 'a', 'x', 1),
    put([6, 7], 'a', 'y', 2, ['x', 1]),
    get([8, 9], 'a', 'y', 2),
  ],
  'a read during a write sees it': [put([0, 3], 'a', 'x', 1), get([1, 2], 'a', 'x', 1)],
  'a read during a write does not see it yet': [put([0, 3], 'a', 'x', 1), get([1, 2], 'a')],
  'reads during a write see it one after the other': [
    put([0, 9], 'a', 'x', 1),
    get([1, 2], 'a'),
    get([3, 4], 'a', 'x', 1),
    get([5, 6], 'a', 'x', 1),
  ],
  'racing writes in the order of their answers': [
    put([0, 5], 'a', 'x', 2, ['y', 1]),
    put([1, 4], 'a', 'y', 1),
    get([6, 7], 'a', 'x', 2),
  ],
  'a refusal while another writes': [
    put([0, 3], 'a', 'x', 1),
    commit([1, 2], { checks: [{ key: 'a', revision: 0 }] }, { ok: false, conflict: 'a' }),
  ],
  'a commit without an answer that happened': [
    unknown(0, { puts: [{ key: 'a', value: 'x' }] }),
    get([1, 2], 'a', 'x', 7),
  ],
  'a commit without an answer that happened late': [
    unknown(0, { puts: [{ key: 'a', value: 'x' }] }),
    get([1, 2], 'a'),
    get([3, 4], 'a', 'x', 7),
  ],
  'a commit without an answer that never happened': [
    unknown(0, { puts: [{ key: 'a', value: 'x' }] }),
    get([1, 2], 'a'),
    put([3, 4], 'a', 'y', 1),
    get([5, 6], 'a', 'y', 1),
  ],
};

const twoKeys = (when: When, value: string, revision: number): Call =>
  commit(
    when,
    {
      puts: [
        { key: 'a', value },
        { key: 'b', value },
      ],
    },
    { ok: true, revision, previous: new Map() },
  );

const WRONG: Readonly<Record<string, readonly Call[]>> = {
  'a stale read': [put([0, 1], 'a', 'x', 1), get([2, 3], 'a')],
  'a read from the future': [get([0, 1], 'a', 'x', 1), put([2, 3], 'a', 'x', 1)],
  'a value that nobody wrote': [put([0, 1], 'a', 'x', 1), get([2, 3], 'a', 'z', 1)],
  'a read that goes back in time': [put([0, 9], 'a', 'x', 1), get([1, 2], 'a', 'x', 1), get([3, 4], 'a')],
  'a lost write': [put([0, 3], 'a', 'x', 1), put([1, 4], 'a', 'y', 2), get([5, 6], 'a', 'y', 2)],
  'two creates that both succeed': [
    commit(
      [0, 3],
      { checks: [{ key: 'a', revision: 0 }], puts: [{ key: 'a', value: 'x' }] },
      { ok: true, revision: 1, previous: new Map() },
    ),
    commit(
      [1, 2],
      { checks: [{ key: 'a', revision: 0 }], puts: [{ key: 'a', value: 'y' }] },
      { ok: true, revision: 2, previous: new Map() },
    ),
  ],
  'a refusal without a reason': [
    commit([0, 1], { checks: [{ key: 'a', revision: 0 }] }, { ok: false, conflict: 'a' }),
  ],
  'a refusal that names another key': [
    put([0, 1], 'a', 'x', 1),
    commit(
      [2, 3],
      {
        checks: [
          { key: 'a', revision: 0 },
          { key: 'b', revision: 5 },
        ],
      },
      { ok: false, conflict: 'b' },
    ),
  ],
  'half of a commit': [twoKeys([0, 5], 'x', 1), get([1, 2], 'a', 'x', 1), get([3, 4], 'b')],
  'two commits that interleave': [
    twoKeys([0, 1], 'x', 1),
    get([2, 9], 'a', 'x', 1),
    get([3, 8], 'b', 'y', 2),
  ],
  'a delete that did nothing': [
    put([0, 1], 'a', 'x', 1),
    commit([2, 3], { deletes: ['a'] }, { ok: true, revision: 2, previous: new Map() }),
  ],
  'a value with the revision of another one': [
    put([0, 1], 'a', 'x', 1),
    put([2, 3], 'a', 'y', 2, ['x', 1]),
    get([4, 5], 'a', 'y', 1),
  ],
  'a commit without an answer that comes and goes': [
    unknown(0, { puts: [{ key: 'a', value: 'x' }] }),
    get([1, 2], 'a', 'x', 7),
    get([3, 4], 'a'),
  ],
};

for (const [title, history] of Object.entries(RIGHT)) {
  test(`explained: ${title}`, (t) => {
    t.true(isLinearizable(history));
    t.true(isLinearizable(history.toReversed()), 'in whatever order the calls are told');
  });
}

for (const [title, history] of Object.entries(WRONG)) {
  test(`not explained: ${title}`, (t) => {
    t.false(isLinearizable(history));
    t.false(isLinearizable(history.toReversed()), 'in whatever order the calls are told');
  });
}

test('a history may begin with entries', (t) => {
  const initial = new Map([['a', { value: 'x', revision: 4 }]]);
  t.true(isLinearizable([get([0, 1], 'a', 'x', 4)], initial));
  t.false(isLinearizable([get([0, 1], 'a')], initial));
});

test('sixty calls of eight callers are checked without trying every order', (t) => {
  const calls: Call[] = [];
  for (let n = 0; n < 60; n += 1) {
    // Eight at a time are in progress.
    const before: [string, number] | undefined = n === 0 ? undefined : [`v${n - 1}`, n];
    calls.push(put([n * 2, n * 2 + 15], 'a', `v${n}`, n + 1, before));
  }
  t.true(isLinearizable(calls));
  t.false(isLinearizable([...calls, get([200, 201], 'a', 'v58', 59)]));
});
