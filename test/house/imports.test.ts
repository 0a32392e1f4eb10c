import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { importLines, offences } from './import-rules.js';
import { circles, climbs, importsOf } from './layers.js';

const ROOMS = ['core', 'plugins', 'storage-adapters'];

test('every file imports only modules that the rules allow', (t) => {
  const root = rootOf(import.meta.dirname);
  const found = ROOMS.flatMap((room) => sourcesIn(root, room)).flatMap((file) =>
    offences(file, readFileSync(path.join(root, file), 'utf8')),
  );
  t.deepEqual(found, [], found.join('\n'));
});

test('no two files import each other, directly or through others', (t) => {
  t.deepEqual(circles(importsOf(sources())), []);
});

test('no file imports from a higher layer', (t) => {
  const found = climbs(importsOf(sources()));
  t.deepEqual(found, [], found.join('\n'));
});

test('a circle of imports is found, also if one is only a type import', (t) => {
  const planted = new Map([
    ['core/a.ts', "import type { B } from './b.js';"],
    ['core/b.ts', "export { c } from './c.js';"],
    ['core/c.ts', "import { a } from './a.js';"],
    ['core/d.ts', "import { a } from './a.js';"],
  ]);
  t.deepEqual(circles(importsOf(planted)), [['core/a.ts', 'core/b.ts', 'core/c.ts']]);
});

test('an import from a higher layer is found', (t) => {
  const planted = new Map([
    ['core/exchange/exchange.ts', "import type { Dispatcher } from '../handlers/dispatcher.js';"],
    ['core/handlers/dispatcher.ts', "import type { Head } from '../http/head.js';"],
    ['core/http/head.ts', ''],
  ]);
  t.deepEqual(climbs(importsOf(planted)), [
    'core/exchange/exchange.ts imports core/handlers/dispatcher.ts, which is in a higher layer',
  ]);
});

test('the tests read the source files', (t) => {
  const root = rootOf(import.meta.dirname);
  t.true(sourcesIn(root, 'core').includes('core/plugin-api.ts'));
  t.true(sourcesIn(root, 'plugins').includes('plugins/cors/origins.ts'));
});

const forbidden: Readonly<Record<string, readonly string[]>> = {
  'core/http/parser.ts': [
    "import { a } from '../log.js';",
    "import type { Log } from '../log.js';",
    "import net from 'node:net';",
    "import { z } from 'zod';",
  ],
  'core/server.ts': [
    "import get from '../plugins/get.js';",
    "import type { X } from '../storage-adapters/memory.js';",
    "const get = await import('../plugins/get.js');",
    "export * from '../plugins/get.js';",
    "import {\n  a,\n  type B,\n} from '../plugins/shared/pairs.js';",
    "import { container } from 'tsyringe';",
    "import { inject, type DependencyContainer } from 'tsyringe';",
    "import * as tsyringe from 'tsyringe';",
    'const server = childContainer.resolve(Server);',
  ],
  'plugins/get.ts': [
    "import { JackfieldError } from '../core/errors.js';",
    "import '../core/server.js';",
    "import post from './post.js';",
    "import { a } from './post/helper.js';",
    "import { a } from '../storage-adapters/memory.js';",
    "import net from 'node:net';",
    'import { connect } from "tls";',
  ],
  'plugins/proxy.ts': ["import http from 'node:http';"],
  'plugins/proxy/upstream.ts': [
    "import net from 'node:net';",
    "import { JackfieldError } from '../../core/errors.js';",
  ],
  'plugins/cors/origins.ts': ["import { a } from '../post.js';", "import { a } from '../../core/log.js';"],
  'storage-adapters/memory.ts': [
    "import { a } from '../core/plugin-api.js';",
    "import { a } from '../core/http/dialect.js';",
    "import { a } from './json-file/journal.js';",
    "import { a } from '../plugins/get.js';",
    "import http from 'node:http';",
  ],
};

for (const [file, sources] of Object.entries(forbidden)) {
  for (const source of sources) {
    test(`${file} must not contain: ${source}`, (t) => {
      const [offence = '', ...others] = offences(file, `/** A file. */\n${source}\n`);
      t.true(offence.startsWith(`${file}:2 `), offence);
      t.deepEqual(others, []);
    });
  }
}

test('allowed imports are not reported', (t) => {
  const allowed: Readonly<Record<string, string>> = {
    'core/http/parser.ts': "import { a } from './octets.js';\nimport { type B } from '../errors.js';",
    'core/server.ts':
      "import net from 'node:net';\nimport { inject, injectable } from 'tsyringe';\nimport type { InjectionToken } from 'tsyringe';\npath.resolve('a');",
    'core/container.ts': "import { container } from 'tsyringe';\ncontainer.resolve(A);",
    'plugins/get.ts':
      "import { z } from 'zod';\nimport { a } from '../core/plugin-api.js';\nimport b from './get/b.js';",
    'plugins/get/b.ts': "import { a } from '../shared/pairs.js';\nimport { c } from './c.js';",
    'storage-adapters/json-file/json-file.ts':
      "import { a } from '../../core/storage/contract.js';\nimport { b } from './journal.js';\nimport fs from 'node:fs';",
    'test/any.ts': "import get from '../plugins/get.js';",
  };
  for (const [file, source] of Object.entries(allowed)) t.deepEqual(offences(file, source), [], file);
});

test('imports in comments are ignored', (t) => {
  t.deepEqual(importLines("/**\n * import a from 'b';\n */\n// import c from 'd';\n"), []);
});

function sources(): Map<string, string> {
  const root = rootOf(import.meta.dirname);
  const files = ROOMS.flatMap((room) => sourcesIn(root, room));
  return new Map(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
}

function sourcesIn(root: string, room: string): string[] {
  if (!existsSync(path.join(root, room))) return [];
  return readdirSync(path.join(root, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${room}/${file.split(path.sep).join('/')}`);
}

/** The tests run from dist/; the sources are beside package.json. */
function rootOf(folder: string): string {
  return existsSync(path.join(folder, 'package.json')) ? folder : rootOf(path.dirname(folder));
}
