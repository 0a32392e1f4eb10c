import test from 'ava';
import { GroupCommit } from '../../../storage-adapters/json-file/group-commit.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Records its groups; `finish` ends the one in flight. */
function recorded(mostWaitMs?: number) {
  const groups: number[][] = [];
  const ends: (() => void)[] = [];
  const commits = new GroupCommit<number, string>(async (group) => {
    groups.push([...group]);
    await new Promise<void>((resolve) => ends.push(resolve));
    return group.map((work) => `done ${work}`);
  }, mostWaitMs);
  const started = async (count: number) => {
    while (groups.length < count) await turn();
  };
  return { commits, groups, started, finish: () => ends.shift()?.() };
}

test('commits in consecutive turns of the event loop share one group', async (t) => {
  const { commits, groups, started, finish } = recorded(Number.POSITIVE_INFINITY);
  const answers: Promise<string>[] = [];
  const chain = (work: number): void => {
    if (work < 4) setImmediate(() => chain(work + 1));
    answers.push(commits.add(work));
  };
  chain(1);
  await started(1);
  t.deepEqual(groups, [[1, 2, 3, 4]]);
  finish();
  t.deepEqual(await Promise.all(answers), ['done 1', 'done 2', 'done 3', 'done 4']);
});

test('while a group is in flight the next one gathers, for any time', async (t) => {
  const { commits, groups, started, finish } = recorded(Number.POSITIVE_INFINITY);
  const first = commits.add(1);
  await started(1);
  const others = [commits.add(2)];
  for (let turns = 0; turns < 20; turns += 1) await turn();
  others.push(commits.add(3));
  t.deepEqual(groups, [[1]]);
  finish();
  t.is(await first, 'done 1');
  await started(2);
  t.deepEqual(groups, [[1], [2, 3]]);
  finish();
  t.deepEqual(await Promise.all(others), ['done 2', 'done 3']);
  await commits.settled();
});

test('an endless stream of commits does not delay a group forever', async (t) => {
  const { commits, groups, started, finish } = recorded();
  let work = 0;
  let isOver = false;
  const stream = (): void => {
    if (isOver) return;
    setImmediate(stream);
    work += 1;
    void commits.add(work);
  };
  stream();
  // If every turn with a new commit delayed the group, it would never start.
  await started(1);
  isOver = true;
  t.is(groups[0]?.[0], 1);
  finish();
  while (groups.flat().length < work) {
    await turn();
    finish();
  }
  t.deepEqual(
    groups.flat(),
    Array.from({ length: work }, (_, at) => at + 1),
  );
});
