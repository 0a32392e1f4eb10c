/**
 * The promises of every plugin, as tests for any test runner: it checks its options, its set-up shares nothing, and
 * closing it leaves nothing open. A whole test file with AVA:
 *
 * ```ts
 * pluginContract((title, body) => test(title, async (t) => { await body(); t.pass(); }), shout, {
 *   options: { mark: '?' },
 *   wrong: [{ mark: 1 }],
 * });
 * ```
 */
import assert from 'node:assert/strict';
import { definePlugin } from '../api/plugin.js';
import type { PluginReference } from '../config/server-config.js';
import { type ErrorCode, JackfieldError } from '../errors.js';
import type { TestFunction } from './storage/harness.js';
import { type TestedPlugin, type TestPluginOptions, testPlugin } from './test-plugin.js';

export interface PluginContractOptions extends TestPluginOptions {
  /** Options that the plugin must refuse; each has one mistake. Default: none. */
  readonly wrong?: readonly unknown[];
  /**
   * The plugin registers a wire dialect. A dialect has no paths, so it cannot be put under a prefix. Default: false.
   */
  readonly hasDialect?: boolean;
}

/** No plugin has an option of this name. */
const UNKNOWN_OPTION = 'an option that nobody knows';

/** Passes every test of the contract to `test`. */
export function pluginContract(
  test: TestFunction,
  plugin: PluginReference,
  { wrong = [], hasDialect = false, ...given }: PluginContractOptions = {},
): void {
  const suite = (title: string, body: () => Promise<void>): void => test(`plugin contract: ${title}`, body);
  const setUp = (more: TestPluginOptions = {}): Promise<TestedPlugin> =>
    testPlugin(plugin, { ...given, ...more });

  suite('it can be set up, has a name, and closes without an error in the log', async () => {
    const tested = await setUp();
    assert.match(tested.report.name, /\S/);
    await tested.close();
    noErrors(tested);
  });

  suite('it refuses an unknown option', async () => {
    await refuses(
      () => setUp({ options: { ...Object(given.options), [UNKNOWN_OPTION]: true } }),
      'PLUGIN_OPTIONS_INVALID',
    );
  });

  for (const [at, options] of wrong.entries()) {
    suite(`it refuses the wrong options ${at + 1}`, () =>
      refuses(() => setUp({ options }), 'PLUGIN_OPTIONS_INVALID'));
  }

  suite('two servers can use it at once, and closing one does not affect the other', async () => {
    const [one, other] = [await setUp(), await setUp()];
    await one.close();
    assert.deepEqual(one.report.claims, other.report.claims);
    for (const { method, pattern } of other.report.claims) {
      // Any other status is fine: the plugin answered, and nothing failed.
      const { status } = await other.inject({
        method: method === '*' ? 'GET' : method,
        target: pathOf(pattern),
      });
      assert.notEqual(status, 500, `${method} ${pattern}`);
    }
    await other.close();
    noErrors(other);
  });

  suite('it can be set up again after it was closed', async () => {
    await (await setUp()).close();
    const again = await setUp();
    await again.close();
    noErrors(again);
  });

  suite('it is closed if a plugin after it fails', async () => {
    const failing = definePlugin({
      name: 'failing',
      setup() {
        throw new Error('no way');
      },
    });
    await refuses(() => setUp({ with: [...(given.with ?? []), failing] }), 'PLUGIN_SETUP_FAILED');
    const again = await setUp();
    await again.close();
  });

  if (hasDialect) return;
  suite('under a prefix it claims nothing outside, and answers as without a prefix', async () => {
    const prefix = '/under/a/prefix';
    const plain = await setUp();
    const asked = plain.report.claims.map(({ method, pattern }) => ({
      method: method === '*' ? 'GET' : method,
      path: pathOf(pattern),
    }));
    const expected: number[] = [];
    for (const { method, path } of asked)
      expected.push((await plain.inject({ method, target: path })).status);
    await plain.close();
    const moved = await setUp({ prefix });
    for (const { pattern } of moved.report.claims) assert.match(pattern, /^\/under\/a\/prefix(\/|$)/);
    for (const [at, { method, path }] of asked.entries()) {
      const target = path === '/' ? prefix : prefix + path;
      const { status, headers } = await moved.inject({ method, target });
      // The other plugins have no prefix, and its answers may depend on theirs.
      if ((given.with ?? []).length === 0)
        assert.equal(status, expected[at], `${method} ${path} under ${prefix}`);
      const { location = '' } = headers;
      // A path built without the `prefix` of the context leads out of the plugin.
      if (/^\/(?!\/)/.test(location))
        assert.match(location, /^\/under\/a\/prefix(?:[/?#]|$)/, `Location of ${target}`);
    }
    await moved.close();
  });
}

async function refuses(start: () => Promise<TestedPlugin>, code: ErrorCode): Promise<void> {
  let tested: TestedPlugin;
  try {
    tested = await start();
  } catch (error) {
    assert.equal(error instanceof JackfieldError ? error.code : error, code);
    return;
  }
  await tested.close();
  assert.fail(`The plugin accepted the options, but must refuse them with ${code}.`);
}

function noErrors({ log }: TestedPlugin): void {
  assert.deepEqual(
    log.filter(({ level }) => level === 'error'),
    [],
  );
}

/** A path that the pattern matches. */
function pathOf(pattern: string): string {
  return pattern === '*' ? '/' : pattern.replaceAll(/:\w+/g, 'x').replace(/\*$/, 'x');
}
