/**
 * The floors of `core`: a file imports from its own floor and from lower ones. No two files import each other, directly
 * or through others, also not with `import type`: a reader can begin at the bottom and never has to look ahead.
 */
import path from 'node:path';
import { importLines } from './import-rules.js';

/** Which files import which. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** From the ground up. A folder ends in `/`. */
const FLOORS: readonly (readonly string[])[] = [
  [
    'core/across-copies.ts',
    'core/container.ts',
    'core/did-you-mean.ts',
    'core/known-members.ts',
    'core/errors.ts',
    'core/in-time.ts',
    'core/log.ts',
    'core/maybe-promise.ts',
    'core/tokens.ts',
    // These two hold only types and what they need: everything above may speak of a store and of a schema.
    'core/config/standard-schema.ts',
    'core/storage/contract.ts',
  ],
  ['core/http/'],
  ['core/api/', 'core/extensions/'],
  ['core/config/'],
  ['core/storage/', 'core/exchange/'],
  ['core/handlers/'],
  ['core/connection/'],
  ['core/listening/', 'core/plugin-host/', 'core/upstream/'],
  // The rooms meet here: the doors, and the server that is made of all of them.
  ['core/'],
  ['core/client/', 'core/testing/'],
  ['core/cli/'],
  ['plugins/', 'storage-adapters/'],
];

/** Adapters enter here, so this file hands out what they need from above. */
const DOORS = new Set(['core/storage/contract.ts']);

export function importsOf(sources: ReadonlyMap<string, string>): Imports {
  return new Map(
    [...sources].map(([file, source]) => [
      file,
      importLines(source)
        .filter(({ from }) => from.startsWith('.'))
        .map(({ from }) => path.posix.join(path.posix.dirname(file), from).replace(/\.js$/, '.ts'))
        .filter((target) => sources.has(target)),
    ]),
  );
}

/** One sentence per import that runs from a lower floor to a higher one. */
export function climbs(imports: Imports): string[] {
  return [...imports].flatMap(([file, targets]) =>
    DOORS.has(file)
      ? []
      : targets
          .filter((target) => floorOf(target) > floorOf(file))
          .map((target) => `${file} imports ${target}, which is on a higher floor`),
  );
}

/** Groups of files that import each other, in a circle; each group once. */
export function circles(imports: Imports): string[][] {
  const reached = new Map([...imports.keys()].map((file) => [file, reachableFrom(file, imports)]));
  const found = new Map<string, string[]>();
  for (const [file, others] of reached) {
    if (!others.has(file)) continue;
    const circle = [...others].filter((other) => reached.get(other)?.has(file) === true).sort();
    found.set(circle.join(), circle);
  }
  return [...found.values()];
}

function reachableFrom(file: string, imports: Imports): Set<string> {
  const reached = new Set<string>();
  const open = [...(imports.get(file) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    open.push(...(imports.get(next) ?? []));
  }
  return reached;
}

/** The longest name that fits says it: `core/http/` before `core/`. */
function floorOf(file: string): number {
  let best = { length: 0, floor: 0 };
  FLOORS.forEach((names, floor) => {
    for (const name of names) {
      const fits = name.endsWith('/') ? file.startsWith(name) : file === name;
      if (fits && name.length > best.length) best = { length: name.length, floor };
    }
  });
  return best.floor;
}
