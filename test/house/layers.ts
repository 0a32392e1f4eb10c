/**
 * The layers of `core`: a file imports from its own layer and from lower ones. No two files import each other, directly or
 * through others, not even with `import type`, so that a reader can begin at the bottom and never has to look ahead.
 */
import path from 'node:path';
import { importLines } from './import-rules.js';

/** The imports of each file. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** The layers, the lowest first. A folder ends in `/`. */
const LAYERS: readonly (readonly string[])[] = [
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
    // These two have only types and their needs: every higher layer may use the types of a store and of a schema.
    'core/config/standard-schema.ts',
    'core/storage/contract.ts',
  ],
  ['core/http/'],
  ['core/api/', 'core/extensions/'],
  ['core/config/'],
  ['core/storage/', 'core/exchange/'],
  ['core/handlers/'],
  ['core/connection/'],
  ['core/listening/', 'core/plugin-host/'],
  // The exported modules, and the server, which uses all layers.
  ['core/'],
  ['core/client/', 'core/testing/'],
  ['core/cli/'],
  ['plugins/', 'storage-adapters/'],
];

/** Adapters import from here, so this file re-exports the parts of higher layers that they need. */
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

/** One sentence for each import from a higher layer. */
export function climbs(imports: Imports): string[] {
  return [...imports].flatMap(([file, targets]) =>
    DOORS.has(file)
      ? []
      : targets
          .filter((target) => layerOf(target) > layerOf(file))
          .map((target) => `${file} imports ${target}, which is in a higher layer`),
  );
}

/** Groups of files that import each other in a circle; each group once. */
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

/** The longest matching name decides: `core/http/` before `core/`. */
function layerOf(file: string): number {
  let best = { length: 0, layer: 0 };
  LAYERS.forEach((names, layer) => {
    for (const name of names) {
      const fits = name.endsWith('/') ? file.startsWith(name) : file === name;
      if (fits && name.length > best.length) best = { length: name.length, layer };
    }
  });
  return best.layer;
}
