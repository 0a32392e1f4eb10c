/**
 * The power fails after every operation, and the disk keeps any part of the unsynced data: every acknowledged commit
 * exists, in order and exact, and none exists in part.
 */
import test, { type ExecutionContext } from 'ava';
import type { Change } from '../../../core/storage/contract.js';
import type { FileSystem } from '../../../storage-adapters/json-file/file-system.js';
import type { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { adapterWith, puts } from './helpers.js';
import { ModelFiles } from './model-files.js';
import { NaiveModel, stateOf } from './naive-model.js';

const PATH = '/model/data.json';
const HOUR_MS = 3_600_000;

/** Journals reserve space from their first frame on, a few frames at a time. */
const ROOM = { from: 0, step: 150 };

const over = (files: FileSystem, room?: typeof ROOM) =>
  adapterWith({
    lookEveryMs: 0,
    path: PATH,
    files,
    lock: async () => ({ isHeld: async () => true, release: async () => {} }),
    // Only when the test asks.
    checkpoints: { idleMs: 1_000_000_000, minOctets: 1_000_000_000 },
    room,
  });

const CHANGES: Change[] = [
  puts({ '10': 'a', '9': 'b' }),
  { puts: [{ key: 'session', value: 'x', ttlMs: HOUR_MS }] },
  puts({ '9': 'changed', c: 'new' }),
  { puts: [{ key: 'session', value: 'x', ttlMs: 2 * HOUR_MS }] },
  { puts: [{ key: 'other', value: 'y', ttlMs: HOUR_MS }], deletes: ['session'] },
  puts({ other: 'y' }),
  { deletes: ['other', '10'] },
  { deletes: ['absent'] },
  puts({ '10': 'again' }),
];

/** `states[n]` is the state after n commits. */
const STATES = (() => {
  const model = new NaiveModel();
  const states = [model.state()];
  for (const change of CHANGES) {
    model.commit(change);
    states.push(model.state());
  }
  return states;
})();

async function stateIn(files: FileSystem): Promise<string> {
  const adapter = over(files);
  await adapter.open();
  const { entries } = adapter.list({ limit: 1_000 });
  return stateOf(entries, adapter.revision());
}

interface Failure {
  readonly states: readonly ModelFiles[];
  readonly answered: number;
  readonly asked: number;
}

/** Runs the scenario over files in memory, and collects all states that power failures would leave. */
async function failuresIn(
  files: ModelFiles,
  scenario: (adapter: JsonFileAdapter, commit: (change: Change) => Promise<void>) => Promise<void>,
  from = 0,
  room?: typeof ROOM,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  let asked = from;
  let answered = from;
  let seen = new Set<string>();
  files.afterEach = () => {
    failures.push({ states: files.afterPowerFailure(seen), answered, asked });
  };
  const adapter = over(files, room);
  await adapter.open();
  await scenario(adapter, async (change) => {
    asked += 1;
    const at = asked;
    const result = await adapter.commit(change);
    if (!result.ok) throw new Error('a conflict');
    answered = Math.max(answered, at);
    // From here on the same state may mean a loss.
    seen = new Set();
    files.afterEach();
  });
  return failures;
}

async function allHold(t: ExecutionContext, failures: readonly Failure[]): Promise<number> {
  let checked = 0;
  for (const { states, answered, asked } of failures) {
    for (const state of states) {
      const contents = state.contents();
      const found = await stateIn(state);
      const reached = STATES.indexOf(found);
      if (reached < answered || reached > asked) {
        const lines = Object.entries(contents).map(([name, octets]) => `${name}: ${Buffer.from(octets)}`);
        t.fail(`${answered} of ${asked} were answered, and there is ${found} of\n${lines.join('\n')}`);
        return checked;
      }
      // Recovery has written its repairs, so the next start finds the same.
      state.afterEach = () => {};
      if (checked % 7 === 0) t.is(await stateIn(state), found);
      checked += 1;
    }
  }
  return checked;
}

for (const [where, room] of [['', undefined] as const, [', in reserved space', ROOM] as const]) {
  test(`commits one after the other, then a clean end, survive power failures${where}`, async (t) => {
    const each = async (adapter: JsonFileAdapter, commit: (change: Change) => Promise<void>) => {
      for (const change of CHANGES) await commit(change);
      await adapter.close();
    };
    const checked = await allHold(t, await failuresIn(new ModelFiles(), each, 0, room));
    t.true(checked > 1_000, `${checked} states`);
  });

  test(`commits that share a write survive power failures${where}`, async (t) => {
    const together = async (_: JsonFileAdapter, commit: (change: Change) => Promise<void>) => {
      await Promise.all(CHANGES.slice(0, 3).map(commit));
      await Promise.all(CHANGES.slice(3).map(commit));
    };
    const checked = await allHold(t, await failuresIn(new ModelFiles(), together, 0, room));
    t.true(checked > 500, `${checked} states`);
  });
}

for (const at of [1, 4, 7]) {
  test(`a checkpoint during the commits from number ${at} on, and another one after them, survive power failures`, async (t) => {
    const failures = await failuresIn(new ModelFiles(), async (adapter, commit) => {
      let merged: Promise<void> | undefined;
      for (const [number, change] of CHANGES.entries()) {
        if (number === at) merged = adapter.checkpoint();
        await commit(change);
      }
      await merged;
      await adapter.checkpoint();
      await adapter.close();
    });
    const checked = await allHold(t, failures);
    t.true(checked > 1_000, `${checked} states`);
  });
}

test('the power fails again during recovery, and again afterwards', async (t) => {
  const failures = await failuresIn(new ModelFiles(), async (adapter, commit) => {
    for (const change of CHANGES.slice(0, 4)) await commit(change);
    const merged = adapter.checkpoint();
    for (const change of CHANGES.slice(4, 6)) await commit(change);
    await merged;
  });
  let checked = 0;
  let number = 0;
  for (const { states } of failures) {
    for (const state of states) {
      number += 1;
      // All states were checked above; this is a sample of them.
      if (number % 23 !== 0) continue;
      const found = STATES.indexOf(await stateIn(ModelFiles.of(state.contents())));
      const again = await failuresIn(
        state,
        async (_, commit) => {
          for (const change of CHANGES.slice(found, found + 1)) await commit(change);
        },
        found,
      );
      checked += await allHold(t, again);
    }
  }
  t.true(checked > 1_000, `${checked} states`);
});

/** A killed process loses no written data, but data that it had not synced is still not safe. */
async function killedAfter(count: number): Promise<{ failures: Failure[]; isOver: boolean }> {
  const files = new ModelFiles();
  let operations = 0;
  files.faultOf = () => {
    operations += 1;
    return operations > count ? new Error('killed') : undefined;
  };
  let answered = 0;
  let asked = 0;
  const killed = over(files, ROOM);
  try {
    await killed.open();
    for (const change of CHANGES.slice(0, 3)) {
      asked += 1;
      await killed.commit(change);
      answered += 1;
      if (asked === 2) await killed.checkpoint();
    }
  } catch {
    // The kill.
  }
  const isOver = operations <= count;
  files.faultOf = () => undefined;
  const failures: Failure[] = [];
  let seen = new Set<string>();
  files.afterEach = () => {
    failures.push({ states: files.afterPowerFailure(seen), answered, asked });
  };
  const restarted = over(files, ROOM);
  await restarted.open();
  const { entries } = restarted.list({ limit: 1_000 });
  answered = STATES.indexOf(stateOf(entries, restarted.revision()));
  // Readers have seen this state, so it must not be lost.
  seen = new Set();
  files.afterEach();
  asked = answered + 1;
  await restarted.commit(CHANGES[answered]!);
  return { failures, isOver };
}

test('the power fails after a restart that followed a kill at any operation', async (t) => {
  let checked = 0;
  for (let count = 0; ; count += 1) {
    const { failures, isOver } = await killedAfter(count);
    checked += await allHold(t, failures);
    if (isOver) break;
  }
  t.true(checked > 1_000, `${checked} states`);
});
