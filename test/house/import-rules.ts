/** The picture of the house as rules over import lines: who may import what. */
import path from 'node:path';

export interface ImportLine {
  /** Counted from 1. */
  readonly line: number;
  /** What stands in the quotes. */
  readonly from: string;
  /** What stands before them; `''` for a bare or dynamic import. */
  readonly names: string;
}

interface Room {
  readonly holds: (file: string) => boolean;
  /** `target` is a path from the root where the import is relative, else the name of a package. */
  readonly allows: (target: string, file: string) => boolean;
}

/** Node's own modules that open sockets or speak HTTP. */
const SOCKETS = /^(?:node:)?(?:net|tls|dgram|http|https|http2)$/;
const HTTP = /^(?:node:)?(?:http|https|http2)$/;
const within = (...folders: readonly string[]) => {
  return (target: string) => folders.some((folder) => target.startsWith(`${folder}/`));
};
const isPackage = (target: string) => !within('core', 'plugins', 'storage-adapters', 'test')(target);

/** The first room that holds a file is its room. */
const ROOMS: readonly Room[] = [
  {
    holds: within('core/http'),
    allows: (target) => within('core/http')(target) || target === 'core/errors.ts',
  },
  {
    holds: within('core'),
    allows: (target) => !within('plugins', 'storage-adapters', 'test')(target),
  },
  {
    holds: within('plugins'),
    allows: mayPlugin,
  },
  {
    holds: within('storage-adapters'),
    allows: (target, file) =>
      within('core/storage')(target) || isOwn(target, file) || (isPackage(target) && !HTTP.test(target)),
  },
];

function mayPlugin(target: string, file: string): boolean {
  return (
    target === 'core/plugin-api.ts' ||
    within('plugins/shared')(target) ||
    isOwn(target, file) ||
    (isPackage(target) && !SOCKETS.test(target))
  );
}

/** One sentence per import line, and per use of the container, that the table of STYLE.md forbids. */
export function offences(file: string, source: string): string[] {
  const room = ROOMS.find(({ holds }) => holds(file));
  if (room === undefined) return [];
  const forbidden = importLines(source)
    .filter(({ from }) => !room.allows(targetOf(from, file), file))
    .map(({ line, from }) => `${file}:${line} imports ${from}`);
  return [...forbidden, ...containerOffences(file, source)];
}

/** Neither of these gets hold of a container: decorators of a class, and the type of what they name. */
const HARMLESS = /^\{(?:\s*(?:type\s+)?(?:inject|injectable|InjectionToken)\s*,?)*\}$/;

/** Only `core/container.ts` holds a container and asks it. */
function containerOffences(file: string, source: string): string[] {
  if (file === 'core/container.ts') return [];
  const named = importLines(source)
    .filter(({ from, names }) => from === 'tsyringe' && !HARMLESS.test(names))
    .map(({ line }) => `${file}:${line} imports more of tsyringe than decorators`);
  const called = withoutComments(source)
    .split('\n')
    .flatMap((text, at) =>
      /container\w*\s*\.\s*resolve/i.test(text) ? [`${file}:${at + 1} asks a container`] : [],
    );
  return [...named, ...called];
}

/** Static, re-exporting, type, bare and dynamic imports of a literal name. */
export function importLines(source: string): ImportLine[] {
  const pattern =
    /\b(?:import|export)\s+(?:type\s+)?(?<names>[\w$]*\s*,?\s*(?:\{[^{}]*\}|\*(?:\s*as\s+[\w$]+)?)?)\s*\bfrom\s*['"](?<from>[^'"]+)['"]|\b(?:import|require)\s*\(?\s*['"](?<bare>[^'"]+)['"]/g;
  const text = withoutComments(source);
  return Array.from(text.matchAll(pattern), ({ index, groups = {} }) => ({
    line: text.slice(0, index).split('\n').length,
    from: groups.from ?? groups.bare ?? '',
    names: groups.names ?? '',
  }));
}

/** Line for line; a comment shows imports that are not made. */
function withoutComments(source: string): string {
  return source.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
}

/** Its own folder, which carries the name of the file or is the one that the file stands in. */
function isOwn(target: string, file: string): boolean {
  const [room = '', name = ''] = file.split('/');
  const own = `${room}/${name.replace(/\.ts$/, '')}`;
  return target === `${own}.ts` || target.startsWith(`${own}/`);
}

/** `../core/errors.js` in `plugins/x.ts` → `core/errors.ts`. */
function targetOf(from: string, file: string): string {
  if (!from.startsWith('.')) return from;
  return path.posix.join(path.posix.dirname(file), from).replace(/\.js$/, '.ts');
}
