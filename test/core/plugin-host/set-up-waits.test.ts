/** What a set-up that takes too long waits for, as far as it is known. */
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { plainSource } from '../../../core/config/config-file.js';
import { JackfieldError } from '../../../core/errors.js';
import { stackPlaces } from '../../../core/extensions/stack-places.js';
import { PromiseTrace } from '../../../core/plugin-host/promise-trace.js';
import { createServer } from '../../../core/server.js';
import { testPlugin } from '../../../core/testing/test-plugin.js';
import { tempFolder } from '../temp-folder.js';

interface Outcome {
  /** The text after the plugin's name, with paths relative to the plugin's folder. */
  readonly sentence: string;
}

async function outcomeOf(t: ExecutionContext, code: string, traceSetup: boolean): Promise<Outcome> {
  const folder = await tempFolder(t, {
    'p.mjs': code,
    'helper.mjs': 'export async function helper() {\n  await new Promise(() => {});\n}\n',
    'node_modules/driver/package.json': '{ "name": "driver", "type": "module", "exports": "./i.js" }',
    'node_modules/driver/i.js': 'export const connect = () => new Promise(() => {});\n',
  });
  const server = createServer(
    { storage: 'memory', plugins: ['./p.mjs'], limits: { setupTimeoutMs: 500 } },
    { source: plainSource(folder), traceSetup },
  );
  const error = await t.throwsAsync(server.ready(), {
    instanceOf: JackfieldError,
    code: 'PLUGIN_SETUP_TIMEOUT',
  });
  const [, sentence = ''] = /took longer than 500 ms(.*?) Find out/.exec(error?.message ?? '') ?? [];
  return { sentence: sentence.replaceAll(folder + path.sep, '') };
}

const plugin = (setup: string, before = ''): string =>
  `${before}\nexport default { name: 'p', async setup({ storage, onClose }) {\n  ${setup}\n} };\n`;

const TRACED: Readonly<Record<string, readonly [code: string, sentence: RegExp]>> = {
  'its own promise': [plugin('await new Promise(() => {});'), /^ and waits at p\.mjs:3:\d+\b/],
  'its own function, after an answer of the store': [
    plugin(
      'await storage.get("a");\n  await inner();',
      'async function inner() { await Promise.resolve(); await new Promise(() => {}); }',
    ),
    /^ and waits at p\.mjs:1:\d+, .*p\.mjs:4:\d/,
  ],
  'a file beside it': [
    plugin('await helper();', 'import { helper } from "./helper.mjs";'),
    /^ and waits at helper\.mjs:2:\d+, .*p\.mjs:3:\d/,
  ],
  'a package: the line that calls it is named': [
    plugin('await connect();', 'import { connect } from "driver";'),
    /^ and waits at p\.mjs:3:\d+(?:\.|, p\.mjs)/,
  ],
  'its module': [
    'await new Promise(() => {});\nexport default {};',
    /^ and waits for the import of its module, at p\.mjs:1:\d+/,
  ],
};

// One at a time, because a trace covers the whole process.
for (const [title, [code, sentence]] of Object.entries(TRACED)) {
  test.serial(`with a trace, the line is named: ${title}`, async (t) => {
    t.regex((await outcomeOf(t, code, true)).sentence, sentence);
  });
}

test.serial('without a trace the step is named, but no line', async (t) => {
  t.is((await outcomeOf(t, plugin('await new Promise(() => {});'), false)).sentence, '.');
  const module = 'await new Promise(() => {});\nexport default {};';
  t.is((await outcomeOf(t, module, false)).sentence, ' and waits for the import of its module.');
});

test.serial('testPlugin names the line', async (t) => {
  const hanging = {
    name: 'hanging',
    setup: () => new Promise<void>(() => {}),
  };
  await t.throwsAsync(testPlugin(hanging, { limits: { setupTimeoutMs: 100 } }), {
    code: 'PLUGIN_SETUP_TIMEOUT',
    message: /"hanging" took longer than 100 ms and waits at \S*set-up-waits\.test\.[jt]s:\d+:\d+/,
  });
});

test.serial('a trace forgets settled promises, and records nothing after its end', async (t) => {
  const places = await PromiseTrace.during(true, async (trace) => {
    await Promise.resolve(1);
    await Promise.reject(new Error('expected')).catch(() => {});
    const pending = new Promise(() => {});
    t.truthy(pending);
    const [here] = stackPlaces(new Error());
    return () => trace?.places(here?.file ?? '') ?? [];
  });
  const count = places().length;
  const later = new Promise(() => {});
  t.truthy(later);
  t.is(places().length, count);
  t.true(count >= 1);
});
