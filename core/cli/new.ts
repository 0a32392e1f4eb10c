/** `jackfield new`: creates a small project for a plugin, an adapter or a server, whose own tests pass at once. */
import { didYouMean } from '../did-you-mean.js';
import { JackfieldError } from '../errors.js';
import type { Command } from './command.js';
import { isKind, KINDS, type Kind, type Project, writeProject } from './new-project.js';

/** The maximum of npm. */
const MAX_NAME_CHARACTERS = 214;

export const newProject: Command = {
  name: 'new',
  summary: 'create a small project with tests: a plugin, an adapter or a server',
  takes: ['plugin|adapter|server', 'NAME'],
  flags: ['ts', 'js', 'folder'],
  examples: [
    'jackfield new plugin tea',
    'jackfield new plugin @me/tea',
    'jackfield new adapter shelf --js',
    'jackfield new server tea-house',
  ],
  async run({ flags, given: [kind = '', name = ''] }, { stdout, cwd }) {
    if (!isKind(kind)) throw unknownKind(kind);
    if (flags.ts === true && flags.js === true) {
      throw new JackfieldError('USAGE', 'Choose one language: --ts or --js, not both.');
    }
    const names = namesOf(kind, name);
    const language = flags.js === true ? 'javascript' : 'typescript';
    const { folder, packageName } = await writeProject(
      {
        kind,
        language,
        ...names,
        ...(flags.folder === undefined ? {} : { folder: flags.folder }),
      },
      cwd,
    );
    const what = `${kind === 'adapter' ? 'an' : 'a'} ${kind} in ${language === 'typescript' ? 'TypeScript' : 'JavaScript'}`;
    stdout.write(`Created ${folder}: ${packageName}, ${what}, with tests.\n`);
    stdout.write(`Next: ${folder === '.' ? '' : `cd ${folder} && `}npm install && npm test\n`);
    return 0;
  },
};

function unknownKind(kind: string): JackfieldError {
  const meant = didYouMean(kind, KINDS);
  const hint = meant === undefined ? `there are ${KINDS.join(', ')}.` : `did you mean ${meant}?`;
  return new JackfieldError(
    'USAGE',
    `"jackfield new" cannot create "${kind}"; ${hint} See "jackfield new --help".`,
  );
}

/** From `tea`, `@me/tea`, or the whole package name, `@me/jackfield-plugin-tea`. Errors: USAGE. */
function namesOf(kind: Kind, given: string): Pick<Project, 'name' | 'reference' | 'packageName'> {
  const [, scope = '', rest = ''] = /^(@[^/]*\/)?(.*)$/s.exec(given) ?? [];
  const prefix = kind === 'server' ? '' : `jackfield-${kind}-`;
  const name = rest.startsWith(prefix) ? rest.slice(prefix.length) : rest;
  const packageName = scope + prefix + name;
  const isScope = scope === '' || /^@[a-z0-9][a-z0-9._-]*\/$/.test(scope);
  const tooLong = packageName.length > MAX_NAME_CHARACTERS;
  const isFree = scope !== '' || !isTaken(kind, name);
  if (isScope && /^[a-z](?:[a-z0-9._-]*[a-z0-9])?$/.test(name) && !tooLong && isFree)
    return { name, reference: scope + name, packageName };
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[-0-9]+|-+$/g, '');
  const hint = plain === '' || plain === name ? '' : `; did you mean ${isScope ? scope : ''}${plain}?`;
  const sentence = !isFree
    ? `A server cannot be called ${JSON.stringify(name)}, because it needs a package with that name.`
    : `A name begins with a small letter and has only small letters, digits, "-", "." and "_", not ${JSON.stringify(given)}${hint}`;
  throw new JackfieldError('USAGE', `${sentence.replace(/(?<![.?])$/, '.')} See "jackfield new --help".`);
}

/** npm does not install a package into a project of the same name. */
function isTaken(kind: Kind, name: string): boolean {
  return kind === 'server' && ['jackfield', 'zod', 'typescript', 'node_modules'].includes(name);
}
