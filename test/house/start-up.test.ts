/** Checks which modules a start loads. `bench/startup` measures its time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { ROOT } from '../repository.js';

const DOOR = JSON.stringify(path.join(ROOT, 'dist/core/index.js'));
const MAIN = JSON.stringify(path.join(ROOT, 'dist/core/cli/main.js'));

/** Prints `M` and the module for each import, then `C` and the file for each module that was loaded with require. */
const TELL = `
  import { createRequire, register } from 'node:module';
  import { writeSync } from 'node:fs';
  const hook = \`
    import { writeSync } from 'node:fs';
    export async function resolve(specifier, context, next) {
      const found = await next(specifier, context);
      writeSync(2, 'M ' + found.url + '\\\\n');
      return found;
    }\`;
  register('data:text/javascript,' + encodeURIComponent(hook));
  process.on('exit', () => {
    for (const file of Object.keys(createRequire(${DOOR}).cache)) writeSync(2, 'C ' + file + '\\n');
  });`;

/** The modules that a program has loaded at its end: by their path in `dist/`, packages by name. */
async function loadedBy(
  t: ExecutionContext,
  program: string,
): Promise<{ ours: string[]; packages: string[] }> {
  const preload = `data:text/javascript,${encodeURIComponent(TELL)}`;
  const child = spawn(process.execPath, ['--import', preload, '--input-type=module', '-e', program], {
    cwd: await tempFolder(t),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [told, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.is(code, 0, told);
  const lines = told.split('\n').filter((line) => /^[MC] /.test(line));
  const of = (pattern: RegExp): string[] =>
    [...new Set(lines.flatMap((line) => pattern.exec(line)?.[1] ?? []))].sort();
  return { ours: of(/\/dist\/(.+)$/), packages: of(/\/node_modules\/((?:@[^/]+\/)?[^/]+)\//) };
}

test('a program with the default plugins loads only the packages that decorators need', async (t) => {
  const { ours, packages } = await loadedBy(
    t,
    `const { createServer } = await import(${DOOR});
     const server = createServer({ listen: { port: 0 }, storage: 'memory' });
     await server.listen();
     await server.close();`,
  );
  t.deepEqual(packages, ['reflect-metadata']);
  t.true(ours.includes('plugins/classic.js'));
  t.false(ours.includes('core/config/config-schema.js'));
});

test('jackfield serve loads no other command, and only the packages that decorators need', async (t) => {
  const { ours, packages } = await loadedBy(
    t,
    `process.argv.push('main.js', 'serve', '--port', '0');
     const write = process.stdout.write.bind(process.stdout);
     process.stdout.write = (chunk, ...rest) => {
       if (String(chunk).startsWith('jackfield listening')) process.kill(process.pid, 'SIGTERM');
       return write(chunk, ...rest);
     };
     await import(${MAIN});`,
  );
  t.deepEqual(packages, ['reflect-metadata']);
  t.true(ours.includes('storage-adapters/json-file/json-file.js'));
  t.deepEqual(
    ours.filter((file) =>
      /^core\/(?:client|testing|cli\/store)\/|^core\/cli\/(?:check|schema|new|plugins|help)\.js/.test(file),
    ),
    [],
  );
});
