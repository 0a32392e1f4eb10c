/**
 * Every mistake that keeps a server from starting: one sentence that says what to do, a stack only on request, an exit
 * code, and the server never listened.
 */
import { readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { listBuiltIn } from '../../core/extensions/find-extension.js';
import { PLUGINS } from '../../core/plugin-host/load-plugins.js';
import { tempFolder } from '../core/temp-folder.js';
import { ran, served, start } from '../support/served.js';

interface Mistake {
  /** More files for the folder; `jackfield.config.json` is written from `config`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly config?: unknown;
  readonly argv?: readonly string[];
  /** All of stderr without `jackfield: `, with the folder as `DIR`. */
  readonly says: string | RegExp;
  readonly code?: number;
  /** The end of stderr with `--debug`, besides the stack. */
  readonly debug?: RegExp;
}

/** A configuration with this one plugin, without a store on disk. */
const withPlugins = (...plugins: readonly unknown[]) => ({ storage: 'memory', plugins });
const plugin = (source: string) => ({ files: { 'p.js': source }, config: withPlugins('./p.js') });
const data = (text: string) => ({ files: { 'data.json': text }, config: {} });
const BUILT_IN = `Built-in names: ${(await listBuiltIn(PLUGINS)).join(', ')}`;

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'an address of another machine': {
    config: withPlugins('head', 'get'),
    argv: ['--host', '192.0.2.1', '--port', '0'],
    says: 'This machine does not have the address: 192.0.2.1. Choose an address of this machine with --host or "listen.host", for example 127.0.0.1. [ADDRESS_NOT_AVAILABLE]',
    debug: /\[cause\]: Error: listen EADDRNOTAVAIL/,
  },
  'a host name that does not exist': {
    config: withPlugins('head', 'get'),
    argv: ['--host', 'no-such-host.invalid', '--port', '0'],
    says: 'This machine does not have the address: no-such-host.invalid. Choose an address of this machine with --host or "listen.host", for example 127.0.0.1. [ADDRESS_NOT_AVAILABLE]',
  },

  'a data file that ends too early': {
    ...data('{\n  "a": "1",\n  "b": "2'),
    says: 'The data is damaged and was left unchanged: DIR/data.json:3:8: this string has no closing double quote. [STORAGE_CORRUPT]',
    debug: /StorageError|JackfieldError/,
  },
  'a data file with a number for a value': {
    ...data('{\n  "a": 1\n}\n'),
    says: 'The data is damaged and was left unchanged: DIR/data.json:2:8: values are strings. Put this one in double quotes. [STORAGE_CORRUPT]',
  },
  'a data file with a repeated key': {
    ...data('{\n  "a": "1",\n  "a": "2"\n}\n'),
    says: 'The data is damaged and was left unchanged: DIR/data.json:3:3: the key "a" occurs twice. Keep one of the two. [STORAGE_CORRUPT]',
  },
  'a data file that is empty': {
    ...data(''),
    says: 'The data is damaged and was left unchanged: DIR/data.json:1:1: the file is empty. Write {} for a store without entries, or remove the file. [STORAGE_CORRUPT]',
  },
  'a data file that is a folder': {
    files: { 'data.json/inside': '' },
    config: {},
    says: 'The data cannot be read or written: DIR/data.json is a folder, not a file. [STORAGE_UNREADABLE]',
  },
  'a data file in a folder that does not exist': {
    config: { storage: { adapter: 'json-file', options: { path: 'nowhere/data.json' } } },
    says: 'The data cannot be read or written: the folder DIR/nowhere, where data.json is to be kept, does not exist. Create it or change the path. [STORAGE_UNREADABLE]',
  },

  'an unknown adapter': {
    config: { storage: 'memroy' },
    says: 'No such storage adapter: "memroy" at jackfield.config.json:1:12. Did you mean "memory"? Built-in names: json-file, lmdb, lru, memory, postgres, redis; no package jackfield-adapter-memroy or memroy is installed in DIR or above it. [ADAPTER_UNKNOWN]',
  },
  'an option that an adapter does not have': {
    config: { storage: { adapter: 'lru', options: { maxEntires: 5 } } },
    says: 'The options of the storage adapter are not valid: adapter "lru": jackfield.config.json:1:40: unknown key "maxEntires" in storage.options; did you mean "maxEntries"? [ADAPTER_OPTIONS_INVALID]',
  },
  'an adapter file that exports no adapter': {
    files: { 'a.js': 'export default { name: "mine" };' },
    config: { storage: './a.js' },
    says: 'This is not a storage adapter: "./a.js" at jackfield.config.json:1:12 has no default export with a name and a create function; use defineAdapter. [ADAPTER_INVALID]',
  },
  'an adapter whose store fails to open': {
    files: {
      'a.js':
        'const no = () => {};\nexport default { name: "mine", create: () => ({ open() { throw new Error("no route"); }, get: no, list: no, commit: no, close: no }) };',
    },
    config: { storage: './a.js' },
    says: 'The store cannot be reached; nothing was changed. no route [STORAGE_UNAVAILABLE]',
    debug: /\[cause\]: Error: no route\n +at .*a\.js:2:/,
  },
  'an adapter that cannot be made': {
    files: { 'a.js': 'export default { name: "mine", create() { throw new Error("no driver"); } };' },
    config: { storage: './a.js' },
    says: 'This is not a storage adapter: "mine" could not be created, thrown at DIR/a.js:1:49: no driver [ADAPTER_INVALID]',
    debug: /\[cause\]: Error: no driver\n +at Object\.create \(file:.*a\.js:1:49\)/,
  },
  'an adapter whose create returns no store': {
    files: { 'a.js': 'export default { name: "mine", create() {} };' },
    config: { storage: './a.js' },
    says: 'This is not a storage adapter: create of "mine" did not return a store: it lacks open, get, list, commit, close. [ADAPTER_INVALID]',
  },
  'an adapter that declares a feed but has none': {
    files: {
      'a.js':
        'const f = () => {}; const supports = { watch: true };\n' +
        'export default { name: "mine", create: () => ({ supports, open: f, get: f, list: f, commit: f, close: f }) };',
    },
    config: { storage: './a.js' },
    says: 'This is not a storage adapter: create of "mine" did not return a store: it lacks watch, revision. [ADAPTER_INVALID]',
  },
  'an adapter that never opens': {
    files: {
      'a.js':
        'const no = () => {};\nexport default { name: "mine", create: () => ({ open: () => new Promise(no), get: no, list: no, commit: no, close: no }) };',
    },
    config: { storage: './a.js' },
    says: 'the command cannot finish: a plugin, an adapter or the configuration waits for a promise that will never settle',
    code: 13,
  },
  'a plugin that ends the process': {
    files: { 'p.js': 'process.exit(0);' },
    config: withPlugins('./p.js'),
    says: 'the process exited with code 0 before the command was finished: the configuration, a plugin or an adapter called process.exit, or threw outside of any call',
  },

  'an unknown plugin': {
    config: withPlugins('get', 'creat'),
    says: `No such plugin: "creat" at jackfield.config.json:1:38. Did you mean "create"? ${BUILT_IN}; no package jackfield-plugin-creat or creat is installed in DIR or above it. [PLUGIN_UNKNOWN]`,
  },
  "a plugin with the name of one of Node's modules": {
    config: withPlugins('http'),
    says: `No such plugin: "http" at jackfield.config.json:1:32. ${BUILT_IN}; no package jackfield-plugin-http or http is installed in DIR or above it. [PLUGIN_UNKNOWN]`,
  },
  'a plugin file without ./ in front': {
    files: { 'plugins/p.js': '' },
    config: withPlugins('plugins/p.js'),
    says: `No such plugin: "plugins/p.js" at jackfield.config.json:1:32. Did you mean "./plugins/p.js"? ${BUILT_IN}; no package jackfield-plugin-plugins/p.js or plugins/p.js is installed in DIR or above it. [PLUGIN_UNKNOWN]`,
  },
  'a plugin file that does not exist': {
    files: { 'plugins/shout.js': '' },
    config: withPlugins('./plugins/shuot.js'),
    says: 'No such plugin: "./plugins/shuot.js" at jackfield.config.json:1:32. Did you mean "./plugins/shout.js"? There is no file DIR/plugins/shuot.js. [PLUGIN_UNKNOWN]',
  },
  'a plugin file without its extension': {
    files: { 'p.js': '' },
    config: withPlugins('./p'),
    says: 'No such plugin: "./p" at jackfield.config.json:1:32. Did you mean "./p.js"? There is no file DIR/p. [PLUGIN_UNKNOWN]',
  },
  'a plugin with a mistake in its syntax': {
    ...plugin('export default {\n  name: "p",\n  setup( { ,\n};\n'),
    says: /^The plugin could not be loaded: "\.\/p\.js" at jackfield\.config\.json:1:32 has a syntax error at DIR\/p\.js:3:12: Unexpected token ',' \[PLUGIN_LOAD_FAILED\]$/,
    debug: /\[cause\]: SyntaxError: Unexpected token ','/,
  },
  'a plugin that throws while it is imported': {
    ...plugin('export default {};\nthrow new Error("no way");\n'),
    says: 'The plugin could not be loaded: "./p.js" at jackfield.config.json:1:32, thrown at DIR/p.js:2:7: no way [PLUGIN_LOAD_FAILED]',
    debug: /\[cause\]: Error: no way\n +at file:.*p\.js:2:7/,
  },
  'a plugin that imports a package which is not installed': {
    ...plugin('import "no-such-driver/promises";\nexport default {};\n'),
    says: 'The plugin could not be loaded: "./p.js" at jackfield.config.json:1:32 needs the package no-such-driver, which is not installed. Run "npm install no-such-driver". [PLUGIN_LOAD_FAILED]',
  },
  'a plugin that never finishes loading': {
    ...plugin('await new Promise(() => {});\nexport default {};\n'),
    config: { ...withPlugins('./p.js'), limits: { setupTimeoutMs: 50 } },
    says: 'A plugin was not set up in time: "./p.js" at jackfield.config.json:1:32 took longer than 50 ms and waits for the import of its module. Find out what it waits for, or raise "limits.setupTimeoutMs". --debug names the line. [PLUGIN_SETUP_TIMEOUT]',
  },
  'a plugin that exports nothing': {
    ...plugin('export const name = "p";'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 has no default export. Export default definePlugin({ name, setup }). [PLUGIN_INVALID]',
  },
  'a plugin that is a function without a name': {
    ...plugin('export default () => {};'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 is a function without a name. Give it a name, or a static property "plugin" with a name. [PLUGIN_INVALID]',
  },
  'a plugin that is a class without a name': {
    ...plugin('export default class { setup() {} }'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 is a class without a name. Give it a name, or a static property "plugin" with a name. [PLUGIN_INVALID]',
  },
  'a plugin that is a class which does nothing': {
    ...plugin('export default class Tally { set_up() {} }'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 is a class without a setup method and without methods marked with @Handle or @Hook. [PLUGIN_INVALID]',
  },
  'a plugin that is an ES module in a CommonJS package': {
    files: { 'package.json': '{ "type": "commonjs" }', 'p.js': 'export default { name: "p", setup() {} };' },
    config: withPlugins('./p.js'),
    says: /: "\.\/p\.js" at jackfield\.config\.json:1:32 is an ES module, but Node reads it as CommonJS, because of the nearest package\.json\. Put "type": "module" into it, or rename the file to p\.mjs\. \[PLUGIN_LOAD_FAILED\]$/,
  },
  'a plugin of a scope that is not installed': {
    config: withPlugins('@me/tea'),
    says: `No such plugin: "@me/tea" at jackfield.config.json:1:32. ${BUILT_IN}; no package @me/jackfield-plugin-tea or @me/tea is installed in DIR or above it. [PLUGIN_UNKNOWN]`,
  },
  'a plugin with invalid needs': {
    ...plugin('export default { name: "p", needs: ["audit@"], setup() {} };'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 has needs that are not a list of names such as "audit" or "audit@^1.2". A plugin is { name, setup } and may have version, needs and options. [PLUGIN_INVALID]',
  },
  'a plugin that needs an invalid version range': {
    ...plugin('export default { name: "p", needs: ["get@soon"], setup() {} };'),
    config: withPlugins('./p.js', 'get'),
    says: 'This is not a plugin: "p" needs "get" in the version "soon", which is not a version range. Write a range such as "^1.2". [PLUGIN_INVALID]',
  },
  'a plugin that needs a later version of another': {
    files: {
      'p.js': 'export default { name: "p", needs: [{ name: "audit", range: "^1.2" }], setup() {} };',
      'audit.js': 'export default { name: "audit", version: "1.1.9", setup() {} };',
    },
    config: withPlugins('./p.js', './audit.js'),
    says: 'A plugin needs a different version of another plugin: "p" needs "audit" ^1.2, and "audit" at jackfield.config.json:1:41 is 1.1.9. Use versions of both that fit together. [PLUGIN_NEEDS_VERSION]',
  },
  'a plugin that needs a version of a plugin without one': {
    files: {
      'p.js': 'export default { name: "p", needs: ["audit@^1.2"], setup() {} };',
      'audit.js': 'export default { name: "audit", setup() {} };',
    },
    config: withPlugins('./p.js', './audit.js'),
    says: 'A plugin needs a different version of another plugin: "p" needs "audit" ^1.2, and "audit" at jackfield.config.json:1:41 has no version. Use versions of both that fit together. [PLUGIN_NEEDS_VERSION]',
  },
  'several plugins that cannot be loaded, all at once': {
    files: { 'p.js': 'export default {};\nthrow new Error("no way");\n' },
    config: withPlugins('gte', { use: 'end', options: { form: 1 } }, './p.js', './q.js'),
    says:
      `No such plugin: "gte" at jackfield.config.json:1:32. Did you mean "get"? ${BUILT_IN}; no package jackfield-plugin-gte or gte is installed in DIR or above it. [PLUGIN_UNKNOWN]\n` +
      'The options of a plugin are not valid: plugin "end": jackfield.config.json:1:62: unknown key "form" in plugins[1].options; did you mean "from"? [PLUGIN_OPTIONS_INVALID]\n' +
      'The plugin could not be loaded: "./p.js" at jackfield.config.json:1:73, thrown at DIR/p.js:2:7: no way [PLUGIN_LOAD_FAILED]\n' +
      'No such plugin: "./q.js" at jackfield.config.json:1:82. Did you mean "./p.js"? There is no file DIR/q.js. [PLUGIN_UNKNOWN]',
  },
  'an invalid prefix': {
    config: withPlugins({ use: 'get', prefix: '/api/' }),
    says: 'The configuration is not valid: jackfield.config.json:1:54: plugins[0].prefix: expected a path prefix such as "/api": literal segments, no slash at the end, found "/api/" [CONFIG_INVALID]',
  },
  'a wire dialect under a prefix': {
    config: withPlugins({ use: 'classic', prefix: '/api' }),
    says: /^A plugin failed while it was set up: "classic" at jackfield\.config\.json:1:39.*: A wire dialect has no paths, so it cannot have a prefix\. \[PLUGIN_SETUP_FAILED\]$/,
  },
  'a second plugin under a prefix, without its own name': {
    config: withPlugins('get', { use: 'get', prefix: '/api' }),
    says: 'A plugin is named twice: "get" at jackfield.config.json:1:32 and jackfield.config.json:1:45. Name it once, or give one of the two another name with "as". [PLUGIN_REPEATED]',
  },
  'environment variables that are not set': {
    config: { storage: '${env:JACKFIELD_NO_STORE}', plugins: ['${env:JACKFIELD_NO_PLUGIN}'] },
    says:
      'The configuration needs an environment variable that is not set: jackfield.config.json:1:12: JACKFIELD_NO_STORE. Set it, or write "${env:JACKFIELD_NO_STORE:-default}". [CONFIG_ENV_MISSING]\n' +
      'jackfield.config.json:1:51: JACKFIELD_NO_PLUGIN. Set it, or write "${env:JACKFIELD_NO_PLUGIN:-default}". [CONFIG_ENV_MISSING]',
  },
  'a reference to the environment with invalid syntax': {
    config: { storage: '${env:MY STORE}' },
    says: 'The configuration is not valid: jackfield.config.json:1:12: "${env:MY STORE}" is not "${env:NAME}" or "${env:NAME:-default}" [CONFIG_INVALID]',
  },
  'a plugin without a setup function': {
    ...plugin('export default { name: "p", set_up() {} };'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 has "set_up"; did you mean "setup"? A plugin is { name, setup } and may have version, needs and options. [PLUGIN_INVALID]',
  },
  'a plugin without a name': {
    ...plugin('export default { setup() {} };'),
    says: 'This is not a plugin: ./p.js at jackfield.config.json:1:32 has no name. A plugin is { name, setup } and may have version, needs and options. [PLUGIN_INVALID]',
  },
  'a plugin that claims an invalid method': {
    ...plugin('export default { name: "p", setup({ handle }) {\n  handle("NO GOOD", "/", () => "");\n} };'),
    says: 'A plugin failed while it was set up: "p" at jackfield.config.json:1:32, thrown at DIR/p.js:2:3: The method "NO GOOD" is not a token (RFC 9110 §9.1). [PLUGIN_SETUP_FAILED]',
    debug: /\[cause\]: TypeError: The method "NO GOOD"/,
  },
  'a plugin whose set-up rejects without an error': {
    ...plugin('export default { name: "p", setup: () => Promise.reject("just text") };'),
    says: 'A plugin failed while it was set up: "p" at jackfield.config.json:1:32: just text [PLUGIN_SETUP_FAILED]',
  },
  'a plugin that never finishes its set-up': {
    ...plugin('export default { name: "p", setup: () => new Promise(() => {}) };'),
    config: { ...withPlugins('./p.js'), limits: { setupTimeoutMs: 4_000 } },
    says: 'A plugin was not set up in time: "p" at jackfield.config.json:1:32 took longer than 4000 ms. Find out what it waits for, or raise "limits.setupTimeoutMs". --debug names the line. [PLUGIN_SETUP_TIMEOUT]',
  },
  'unknown options and options of the wrong kind, in the order of the file': {
    config: withPlugins({ use: 'end', options: { form: 'loopback', from: 'everywhere' } }),
    says:
      'The options of a plugin are not valid: plugin "end": jackfield.config.json:1:56: unknown key "form" in plugins[0].options; did you mean "from"? [PLUGIN_OPTIONS_INVALID]\n' +
      'plugin "end": jackfield.config.json:1:81: plugins[0].options.from: expected "loopback" or "anywhere", found "everywhere" [PLUGIN_OPTIONS_INVALID]',
  },
  'options for a plugin that has none': {
    config: withPlugins({ use: 'post', options: { a: 1 } }),
    says: 'The options of a plugin are not valid: jackfield.config.json:1:46: the plugin "post" takes no options. [PLUGIN_OPTIONS_INVALID]',
  },
  'a plugin that needs a plugin which is not configured': {
    ...plugin('export default { name: "p", needs: ["get"], setup() {} };'),
    says: 'A plugin needs another plugin that is not configured: "p" needs "get". Add "get" to "plugins". [PLUGIN_NEEDS_MISSING]',
  },
  'plugins that need each other': {
    files: Object.fromEntries(
      ['ab', 'bc', 'ca'].map(([name, needed]) => [
        `${name}.js`,
        `export default { name: '${name}', needs: ['${needed}'], setup() {} };`,
      ]),
    ),
    config: withPlugins('./a.js', './b.js', './c.js'),
    says: 'Plugins need each other in a circle: a → b → c → a. Remove one of these needs. [PLUGIN_NEEDS_CYCLE]',
  },
  'a plugin that is named twice': {
    config: withPlugins('get', { use: 'get' }),
    says: 'A plugin is named twice: "get" at jackfield.config.json:1:32 and jackfield.config.json:1:45. Name it once, or give one of the two another name with "as". [PLUGIN_REPEATED]',
  },
  'two plugins with the same claim': {
    ...plugin('export default { name: "p", setup({ handle }) { handle("GET", "/", () => ""); } };'),
    config: withPlugins('get', './p.js'),
    says: 'Two plugins claim the same method and path: GET / by "get" and "p". Remove one of them from the configuration. [HANDLER_REPEATED]',
  },

  'a key that a configuration does not have': {
    config: { listen: { prot: 80 } },
    says: 'The configuration is not valid: jackfield.config.json:1:12: unknown key "prot" in listen; did you mean "port"? [CONFIG_INVALID]',
  },
  'values of the wrong kind': {
    config: { listen: { port: '80' }, plugins: 'get', limits: { maxBodyOctets: -1 } },
    says:
      'The configuration is not valid: jackfield.config.json:1:19: listen.port: expected a whole number from 0 to 65535, found "80" [CONFIG_INVALID]\n' +
      'jackfield.config.json:1:35: plugins: expected a list of plugins, found "get" [CONFIG_INVALID]\n' +
      'jackfield.config.json:1:67: limits.maxBodyOctets: expected a whole number of octets from 0 to 1099511627776, found -1 [CONFIG_INVALID]',
  },
  'a configuration that is not JSON': {
    files: { 'jackfield.config.json': '{\n  "plugins": [\n}' },
    says: /^The configuration is not valid JSON: jackfield\.config\.json:3:1: .* \[CONFIG_SYNTAX\]$/,
  },
  'a configuration file that does not exist': {
    argv: ['--config', 'nope.json'],
    says: 'The configuration cannot be read: there is no file nope.json. [CONFIG_UNREADABLE]',
  },
  'a configuration module that throws': {
    files: { 'jackfield.config.mjs': 'export default {};\nthrow new Error("no way");' },
    says: 'The configuration cannot be read: jackfield.config.mjs, thrown at DIR/jackfield.config.mjs:2:7: no way [CONFIG_UNREADABLE]',
    debug: /\[cause\]: Error: no way\n +at file:.*jackfield\.config\.mjs:2:7/,
  },
  'an invalid port': {
    argv: ['--port', '99999'],
    says: '--port takes a whole number from 0 to 65535, not "99999". See "jackfield --help". [USAGE]',
    code: 2,
  },
  'an unknown flag': {
    argv: ['--verbos'],
    says: 'Unknown flag --verbos; did you mean --verbose? See "jackfield serve --help". [USAGE]',
    code: 2,
  },
};

for (const [what, mistake] of Object.entries(MISTAKES)) {
  test(`${what}: one sentence, and nothing listens`, (t) => fails(t, mistake));
}

async function fails(t: ExecutionContext, { files = {}, config, argv = [], says, code = 1, debug }: Mistake) {
  const cwd = await tempFolder(t, {
    ...(config === undefined ? {} : { 'jackfield.config.json': JSON.stringify(config) }),
    // Beside the plugins, so that Node finds this package.json.
    'package.json': '{ "type": "module" }',
    ...files,
  });
  const port = config === undefined || argv.includes('--port') ? [] : ['--port', '0'];
  const ended = await ran(t, ['serve', ...port, ...argv], cwd);
  const told = ended.stderr.replaceAll(cwd, 'DIR').replaceAll(/^jackfield: /gm, '');
  if (typeof says === 'string') t.is(told, `${says}\n`);
  else t.regex(told.trimEnd(), says);
  t.like(ended, { code, stdout: '', listened: '' });
  if (debug === undefined) return;
  const again = await ran(t, ['serve', ...port, ...argv, '--debug'], cwd);
  t.true(again.stderr.startsWith(ended.stderr), again.stderr);
  t.regex(again.stderr, /\n {4}at /);
  t.regex(again.stderr, debug);
}

test('a port in use: the sentence names it, and plugins and store are closed', async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => void taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify(withPlugins('./p.mjs')),
    'p.mjs': 'export default { name: "p", setup: ({ log, onClose }) => onClose(() => log.info("closed")) };',
  });
  const { code, stdout, stderr, listened } = await ran(t, ['serve', '--port', String(port)], cwd);
  t.deepEqual([code, stdout, listened], [1, '', '']);
  const [log = '', sentence] = stderr.split('\n');
  t.is(JSON.parse(log).message, 'closed');
  t.is(
    sentence,
    `jackfield: The port is in use: 127.0.0.1:${port}. Stop the program that listens there, or choose another port with --port or "listen.port". [PORT_IN_USE]`,
  );
});

test('data that another server has open: the sentence names its process, and that server goes on', async (t) => {
  const cwd = await tempFolder(t);
  const first = await served(t, cwd);
  t.is((await fetch(`${first.url}/create`, { method: 'POST', body: 'a: 1' })).status, 200);
  const second = await ran(t, ['serve', '--port', '0'], cwd);
  t.like(second, { code: 1, stdout: '', listened: '' });
  t.is(
    second.stderr.replace(/data\.json\.lock-\w+/, 'LOCK').replaceAll(cwd, 'DIR'),
    `jackfield: The data is in use: DIR/data.json is open in process ${first.server.pid}. The lock is DIR/LOCK. Stop that process first. To share data, use lmdb on one machine, or postgres or redis on several machines. [STORAGE_LOCKED]\n`,
  );
  t.is((await fetch(`${first.url}/create`, { method: 'POST', body: 'b: 2' })).status, 200);
  t.is(await (await fetch(first.url)).text(), 'The data in DB is as follows. \n\na:1\n\nb:2');
  first.server.kill('SIGTERM');
  t.is((await first.server.ended).code, 0);
});

test('a plugin that throws in its set-up: it and the plugins before it are closed, in reverse order', async (t) => {
  const named = (name: string, rest = '') =>
    `export default { name: '${name}', setup({ log, onClose }) { onClose(() => log.info('closed')); ${rest} } };`;
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({ plugins: ['./a.mjs', './b.mjs', './c.mjs', './d.mjs'] }),
    'a.mjs': named('a'),
    'b.mjs': named('b'),
    'c.mjs': named('c', "throw new Error('no way');"),
    'd.mjs': named('d'),
  });
  const failing = start(t, ['serve', '--port', '0'], cwd);
  const { code, stdout, stderr, listened } = await failing.ended;
  t.deepEqual([code, stdout, listened], [1, '', '']);
  t.deepEqual(
    failing.log.map(({ plugin, message }) => `${plugin} ${message}`),
    ['c closed', 'b closed', 'a closed'],
  );
  t.is(
    stderr.split('\n').at(-2),
    `jackfield: A plugin failed while it was set up: "c" at jackfield.config.json:1:33, thrown at ${path.join(cwd, 'c.mjs')}:1:96: no way [PLUGIN_SETUP_FAILED]`,
  );
  // The store was open, and is free again.
  t.deepEqual(
    (await readdir(cwd)).filter((file) => file.startsWith('data')),
    [],
  );
});

test('an unknown command is refused with a suggestion', async (t) => {
  const ended = await ran(t, ['sevre'], await tempFolder(t));
  t.is(
    ended.stderr,
    'jackfield: Unknown command "sevre"; did you mean serve? See "jackfield --help". [USAGE]\n',
  );
  t.like(ended, { code: 2, stdout: '', listened: '' });
});
