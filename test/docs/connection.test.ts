/** Compares the drawing of the phases of a connection with the table that the server uses. */
import test from 'ava';
import { PHASE, TRANSITIONS } from '../../core/connection/phases.js';
import { readText } from '../repository.js';

const names = Object.keys(PHASE) as (keyof typeof PHASE)[];

function drawing(): string {
  const arrows = names.flatMap((from) =>
    TRANSITIONS[from].map((to) => `    ${from} --> ${to === 'closed' ? '[*]' : to}`),
  );
  return ['stateDiagram-v2', '    [*] --> idle', ...arrows].join('\n');
}

test('the drawing in docs/connection.md shows exactly the transitions of the table', async (t) => {
  const [, shown] = /```mermaid\n([^`]*)\n```/.exec(await readText('docs/connection.md')) ?? [];
  t.is(shown, drawing());
});

test('docs/connection.md describes each phase, in the order of the table', async (t) => {
  const rows = (await readText('docs/connection.md')).matchAll(/^\| `(\w+)` \|/gm);
  t.deepEqual(
    Array.from(rows, ([, name]) => name),
    names,
  );
});
