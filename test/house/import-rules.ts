/** The import rules of ARCHITECTURE.md. */
import path from 'node:path';

export interface ImportLine {
  /** Counted from 1. */
  readonly line: number;
  /** The module specifier. */
  readonly from: string;
  /** The text before `from`; `''` for a bare or dynamic import. */
  readonly names: string;
}

interface Room {
  readonly holds: (file: string) => boolean;
  /** `target` is a path from the root for a relative import, otherwise the name of a package. */
  readonly allows: (target: string, file: string) => boolean;
}

/** Node's own modules that open sockets or speak HTTP. */
const SOCKETS = /^(?:node:)?(?:net|tls|dgram|http|https|http2)$/;
const HTTP = /^(?:node:)?(?:http|https|http2)$/;
const within = (...folders: readonly string[]) => {
  return (target: string) => folders.some((folder) => target.startsWith(`${folder}/`));
};
const isPackage = (target: string) => !within('core', 'plugins', 'storage-adapters', 'test')(target);

/** The first of these that holds a file has its rules. */
const ROOMS: readonly Room[] = [
  {
    holds: within('core/http'),
    allows: (target) => within('core/http')(target) || target === 'core/errors.ts',
  },
  {
    holds: within('core'),
    allows: (target) => !within('plugins', 'storage-adapters', 'test')(target),
  },
  // A proxy is an HTTP client, and a client needs sockets. They are not those of the server.
  {
    holds: (file) => file === 'plugins/proxy/upstream.ts',
    allows: (target, file) => mayPlugin(target, file) || /^node:https?$/.test(target),
  },
  {
    holds: within('plugins'),
    allows: mayPlugin,
  },
  {
    holds: within('storage-adapters'),
    allows: (target, file) =>
      within('core/storage')(target) ||
      target === 'core/errors.ts' ||
      isOwn(target, file) ||
      (isPackage(target) && !HTTP.test(target)),
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

/** One sentence for each import line and each use of the container that the rules forbid. */
export function offences(file: string, source: string): string[] {
  const room = ROOMS.find(({ holds }) => holds(file));
  if (room === undefined) return [];
  const forbidden = importLines(source)
    .filter(({ from }) => !room.allows(targetOf(from, file), file))
    .map(({ line, from }) => `${file}:${line} imports ${from}`);
  return [...forbidden, ...containerOffences(file, source)];
}

/** These imports give no access to a container: decorators of a class, and the type of a token. */
const HARMLESS = /^\{(?:\s*(?:type\s+)?(?:inject|injectable|InjectionToken)\s*,?)*\}$/;

/** Only `core/container.ts` may use a container. */
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

/** Static, re-exporting, type, bare and dynamic imports of a literal specifier. */
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

/** Removes comments, which may show imports, and keeps the line numbers. */
function withoutComments(source: string): string {
  return source.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
}

/** Whether the target is in the file's own folder: the folder with the name of the file, or the one that contains it. */
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
