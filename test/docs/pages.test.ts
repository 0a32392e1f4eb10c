/** Tests the pages: quotes are the content of their files, output is real, link targets exist. */
import { spawnSync } from 'node:child_process';
import { access, constants, cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MAIN, ROOT, type RunningServer, readText, runToEnd, serve } from '../repository.js';
import { type Block, blocksOf, commandsOf, isWhatWasPrinted, refusalOf } from './page.js';

const inDocs = await readdir(path.join(ROOT, 'docs'), { recursive: true });
const RUN = ['README.md', ...inDocs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const PAGES = [
  ...RUN,
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'DECISIONS.md',
  'examples/classic/PROTOCOL.md',
  'findings/README.md',
];

for (const page of PAGES) {
  test(`${page}: the target of every link inside the repository exists`, async (t) => {
    const text = (await readText(page)).replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const absolute = file === '' ? page : path.join(path.dirname(page), file);
      await t.notThrowsAsync(access(path.join(ROOT, absolute)), target);
      if (anchor !== undefined) t.true(anchorsOf(await readText(absolute)).includes(anchor), target);
    }
    t.pass();
  });

  test(`${page}: every quote of a file is a part of that file`, async (t) => {
    for (const { about, text, line } of await blocksOf(page)) {
      if (about === '' || about.startsWith('save:')) continue;
      t.true((await readText(about)).includes(text), `${page}:${line}`);
    }
    t.pass();
  });
}

/** The targets of links that `files` in package.json puts into the package. */
const PACKED =
  /^(?:docs\/.*\.md|examples\/.*|findings\/.*|core\/ERRORS\.md|storage-adapters\/[\w-]+\/FORMAT\.md|README\.md|CHANGELOG\.md|jackfield\.config\.json)$/;

for (const page of RUN) {
  test(`${page}: every link leads to a file that is also in the package`, async (t) => {
    const text = (await readText(page)).replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const [file = ''] = target.split('#');
      if (/^[a-z]+:/.test(target) || file === '') continue;
      t.regex(path.join(path.dirname(page), file), PACKED, target);
    }
    t.pass();
  });
}

/** Anchors of headings, as GitHub generates them. */
function anchorsOf(text: string): string[] {
  return Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

// On a machine without curl the other tests of the page still run.
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** The number of pages that are run at the same time. With more, a start on a busy machine exceeds its deadline. */
const AT_ONCE = 4;
let running = 0;
const waiting: (() => void)[] = [];

async function turn(): Promise<() => void> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  return () => {
    running -= 1;
    waiting.shift()?.();
  };
}

for (const page of RUN) {
  (hasCurl ? test : test.skip)(`${page}: every command prints what the page shows`, async (t) => {
    // Teardown functions run last first, so the next page begins when the server of this one has stopped.
    t.teardown(await turn());
    const reader = await Reader.at(t);
    for (const block of await blocksOf(page)) {
      if (block.about.startsWith('save:')) await reader.save(block);
      if (block.language !== 'console') continue;
      for (const { command, prints } of commandsOf(block)) {
        let printed = await reader.run(command);
        if (printed === undefined) continue;
        const told = prints.replace(/^(jackfield listening on .*):\d+$/m, '$1:PORT');
        // A running server writes its data file or log a moment after the answer.
        for (let tries = 0; command.startsWith('cat ') && tries < 100; tries += 1) {
          if (isWhatWasPrinted(told, printed)) break;
          await new Promise((resolve) => setTimeout(resolve, 50));
          printed = (await reader.run(command)) ?? '';
        }
        t.true(isWhatWasPrinted(told, printed), `${page}:${block.line}: ${command}\n${printed}`);
      }
    }
    t.pass();
  });
}

/** A reader who runs the commands of a page, in a folder that looks like the root of the repository. */
class Reader {
  readonly #t: ExecutionContext;
  readonly #folder: string;
  #server: RunningServer | undefined;

  private constructor(t: ExecutionContext, folder: string) {
    this.#t = t;
    this.#folder = folder;
  }

  static async at(t: ExecutionContext): Promise<Reader> {
    // Inside the repository, so that saved files can import the package.
    const folder = await mkdtemp(path.join(ROOT, 'dist/page-'));
    t.teardown(() => rm(folder, { recursive: true }));
    await symlink(path.join(ROOT, 'examples'), path.join(folder, 'examples'));
    await cp(path.join(ROOT, 'jackfield.config.json'), path.join(folder, 'jackfield.config.json'));
    return new Reader(t, folder);
  }

  async save({ about, text }: Block): Promise<void> {
    await writeFile(path.join(this.#folder, about.replace('save:', '')), text);
  }

  /** The output of the command; undefined for a command that is not run, because other tests cover it. */
  async run(command: string): Promise<string | undefined> {
    const own = command
      .replace(/^npm install && /, '')
      .replace(/^npm start(?: -- |$)/, 'npx jackfield serve ');
    if (/^(?:npm (?:test|install|run|pack|publish)|cd|git clone)\b/.test(own)) return undefined;
    const [, words] = /^npx jackfield(?: (.*))?$/.exec(own) ?? [];
    const args = words?.split(' ').filter((word) => word !== '') ?? [];
    if (own.startsWith('npx jackfield') && /^(?:serve|--config|$)/.test(args[0] ?? ''))
      return this.#serve(args);
    if (own.startsWith('npx jackfield')) return this.#jackfield(args);
    return this.#shell(own);
  }

  async #serve(args: readonly string[]): Promise<string> {
    await this.#server?.stop();
    const given = args[0] === 'serve' ? args.slice(1) : args;
    // Another process may use the port of the page, so take any free one.
    const portAt = given.indexOf('--port');
    const rest = portAt === -1 ? given : given.toSpliced(portAt, 2);
    this.#server = await serve(this.#t, rest, { cwd: this.#folder });
    return 'jackfield listening on http://127.0.0.1:PORT';
  }

  async #jackfield(args: readonly string[]): Promise<string> {
    const to = args[0] === 'client' ? ['--port', this.#server?.port ?? ''] : [];
    const { stdout, stderr } = await runToEnd(process.execPath, [MAIN, ...args, ...to], {
      cwd: this.#folder,
    });
    return stdout + stderr;
  }

  async #shell(command: string): Promise<string> {
    const refusal = refusalOf(command);
    if (refusal !== undefined) throw new Error(refusal);
    const here = command
      .replaceAll(/127\.0\.0\.1:\d+/g, `127.0.0.1:${this.#server?.port}`)
      .replace(/^curl /, 'curl --silent --show-error ');
    const { stdout, stderr } = await runToEnd('sh', ['-c', here], { cwd: this.#folder });
    return stdout + stderr;
  }
}

test('a command of a page that runs anything but a few harmless programs is refused', (t) => {
  for (const command of [
    "curl -X PUT http://127.0.0.1:10000/a -d 'a: $(b); c & d > e'",
    'curl -H "Accept: text/plain" http://127.0.0.1:10000/',
    "printf 'x' | node -e 'process.exit()' | grep '^x'",
  ])
    t.is(refusalOf(command), undefined, command);
  for (const command of [
    'rm -rf x',
    'cat a | sh',
    'cat a; rm b',
    'cat a && rm b',
    'cat a & rm b',
    'cat $(rm b)',
    'cat "$(rm b)"',
    'cat `rm b`',
    'cat a > b',
    'cat <(rm b)',
    'X=1 rm b',
    '/bin/cat a',
    'cat a\nrm b',
    'cat a |',
    "cat 'a\\''; rm b",
    '',
  ])
    t.not(refusalOf(command), undefined, command);
});

test('docs/index.md names every page under docs', async (t) => {
  const index = await readText('docs/index.md');
  for (const page of RUN.filter((name) => name.startsWith('docs/') && name !== 'docs/index.md')) {
    t.true(index.includes(`](${page.slice('docs/'.length)})`), page);
  }
});

test('findings/README.md names every script, and each script is executable', async (t) => {
  const index = await readText('findings/README.md');
  const scripts = (await readdir(path.join(ROOT, 'findings'))).filter((name) => name.endsWith('.sh'));
  t.true(scripts.length > 0);
  for (const name of scripts) {
    t.true(index.includes(`](${name})`), name);
    await t.notThrowsAsync(access(path.join(ROOT, 'findings', name), constants.X_OK), name);
  }
});
