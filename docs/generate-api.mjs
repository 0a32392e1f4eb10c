/**
 * Writes docs/api.md from the comments in the compiled declarations of the three exported modules. Run it after a build:
 *
 *   npm run docs                            writes the page
 *   node docs/generate-api.mjs --check      reports whether it is up to date
 *
 * It reads declarations as the compiler prints them, one form for each kind, and fails at any other form.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const PAGE = join(ROOT, 'docs/api.md');
const DOORS = [
  { door: 'jackfield', file: 'dist/core/index.d.ts' },
  { door: 'jackfield/testing', file: 'dist/core/testing/index.d.ts' },
  { door: 'jackfield/client', file: 'dist/core/client/index.d.ts' },
];
/** A value with more lines is a table, which is documented elsewhere. */
const MAX_VALUE_LINES = 60;

/** Every name that a module exports, with the file that defines it. */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8');
  const found = new Map();
  for (const [, name] of text.matchAll(
    /^export (?:declare )?(?:abstract )?(?:interface|class|function|const|type) (\w+)/gm,
  )) {
    found.set(name, { file, name });
  }
  for (const [, names, from] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';$/gm)) {
    const listed = names
      .split(',')
      .map((one) => one.trim().replace(/^type /, ''))
      .filter((one) => one !== '');
    for (const name of listed) {
      if (name.includes(' as ')) throw new Error(`${file}: ${name} is exported under another name`);
      found.set(name, from.startsWith('.') ? definition(file, from, name) : { from, name });
    }
  }
  for (const [, from] of text.matchAll(/^export \* from '([^']+)';$/gm)) {
    for (const [name, one] of exportsOf(moduleFile(file, from))) if (!found.has(name)) found.set(name, one);
  }
  return found;
}

function definition(file, from, name) {
  const found = exportsOf(moduleFile(file, from)).get(name);
  if (found === undefined) throw new Error(`${file}: ${from} does not export ${name}`);
  return found;
}

function moduleFile(file, from) {
  return resolve(dirname(file), from.replace(/\.js$/, '.d.ts'));
}

/** The comment above a declaration and the declaration, all overloads of a function together. */
function declarationOf({ file, name }) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const begins = new RegExp(
    `^export (?:declare )?(?:abstract )?(?:interface|class|function|const|type) ${name}\\b`,
  );
  const declarations = [];
  let comment = '';
  for (let at = 0; at < lines.length; at++) {
    if (!begins.test(lines[at])) continue;
    const above = commentAbove(lines, at);
    if (above !== '') comment ||= above;
    const end = endOf(lines, at);
    declarations.push(lines.slice(at, end + 1).join('\n'));
    at = end;
  }
  if (declarations.length === 0) throw new Error(`${file} does not define ${name}`);
  return { comment: prose(comment), code: declarations.map(tidy).join('\n') };
}

function commentAbove(lines, at) {
  if (!lines[at - 1]?.endsWith('*/')) return '';
  let first = at - 1;
  while (!lines[first].startsWith('/**')) first -= 1;
  return lines.slice(first, at).join('\n');
}

/** A declaration ends with the `;` or `}` that closes its brackets; brackets in comments do not count. */
function endOf(lines, first) {
  let depth = 0;
  let inComment = false;
  for (let at = first; at < lines.length; at++) {
    let line = lines[at];
    if (inComment || /^\s*\/\*/.test(line)) {
      inComment = !line.includes('*/');
      continue;
    }
    line = line.replaceAll(/'[^']*'|"[^"]*"|=>/g, '').replace(/\/\*.*?\*\//g, '');
    for (const character of line) {
      if ('({[<'.includes(character)) depth += 1;
      else if (')}]>'.includes(character)) depth -= 1;
    }
    if (depth === 0 && /[;}]$/.test(line)) return at;
  }
  throw new Error(`no end of: ${lines[first]}`);
}

function tidy(code) {
  const lines = code
    .split('\n')
    .filter((line) => !/^\s+(?:#private;|private )/.test(line))
    .map((line) => line.replace(/^(?: {4})+/, (indent) => ' '.repeat(indent.length / 2)));
  const plain = lines.join('\n').replace(/^export (?:declare )?/, '');
  if (!plain.startsWith('const ') || lines.length <= MAX_VALUE_LINES) return plain;
  return `${lines[0].replace(/^export (?:declare )?/, '').replace(/\{$/, '')}{ … };`;
}

/** A doc comment as Markdown. */
function prose(comment) {
  const text = comment
    .replace(/^\/\*\*\s?/, '')
    .replace(/\s*\*\/$/, '')
    .replaceAll(/^ ?\* ?/gm, '')
    // Remove the indentation of continued list items.
    .replaceAll(/^ {2,3}(?=\S)/gm, '')
    .replaceAll(/^@param (\w+) /gm, '\n- `$1`: ')
    .replaceAll(/^@returns /gm, '\nReturns: ')
    .replaceAll(/^Errors: /gm, '\nErrors: ')
    .trim();
  // The lines of a paragraph become one line, except in a fenced block.
  return text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part) =>
      part.startsWith('```') ? part : part.replaceAll(/(?<!\n)\n(?![\n-])/g, ' ').replaceAll(/ +$/gm, ''),
    )
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

function section({ door, file }) {
  const path = join(ROOT, file);
  const names = [...exportsOf(path)].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const parts = names.map(([name, one]) => {
    if (one.from !== undefined)
      return `### ${name}\n\nThat of \`${one.from}\`, from the copy that jackfield uses.`;
    const { comment, code } = declarationOf(one);
    return [`### ${name}`, comment, `\`\`\`ts\n${code}\n\`\`\``].filter((part) => part !== '').join('\n\n');
  });
  const about = prose(/^\/\*\*[\s\S]*?\*\//.exec(readFileSync(path, 'utf8'))[0]);
  const list = names.map(([name]) => `[\`${name}\`](#${name.toLowerCase()})`).join(', ');
  return [`## ${door}`, about, `${list}.`, ...parts].join('\n\n');
}

export function apiPage() {
  const head = [
    '# API reference',
    'Generated from the comments in the code by `npm run docs`; do not edit it here. [plugins.md](plugins.md) and [adapters.md](adapters.md) explain how to use it. Besides these modules, `jackfield/plugins/NAME` and `jackfield/storage-adapters/NAME` have the built-in plugins and adapters, each as its default export.',
  ];
  return `${[...head, ...DOORS.map(section)].join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes('--check')) writeFileSync(PAGE, apiPage());
  else if (readFileSync(PAGE, 'utf8') !== apiPage()) {
    console.error('docs/api.md is out of date: run "npm run docs".');
    process.exitCode = 1;
  }
}
