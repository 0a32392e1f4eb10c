import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { plainSource } from '../../../core/config/config-file.js';
import { configSchema } from '../../../core/config/config-schema.js';
import type { ConfigSource } from '../../../core/config/config-source.js';
import { explainIssues, knownKeysOf } from '../../../core/config/explain-issues.js';
import { parseJson } from '../../../core/config/json-document.js';
import { DEFAULT_LIMITS } from '../../../core/config/limits.js';
import { defaultMaxConnections } from '../../../core/config/open-files.js';
import { withDefaults } from '../../../core/config/resolved-config.js';
import { DEFAULT_CONFIG, type ServerConfig } from '../../../core/config/server-config.js';
import { resolveConfig } from '../../../core/config/validate-config.js';
import { JackfieldError } from '../../../core/errors.js';

const DEFAULT_LISTENER = { kind: 'tcp', ...DEFAULT_CONFIG.listen, tls: undefined } as const;
const DEFAULTS = { ...DEFAULT_LIMITS, maxConnections: defaultMaxConnections() };

function sourceOf(text: string): { value: unknown; source: ConfigSource } {
  const document = parseJson(text, 'c.json', { syntax: 'CONFIG_SYNTAX', repeated: 'CONFIG_INVALID' });
  return { value: document.value, source: { folder: '/', locate: document.locate } };
}

/** The faults of a configuration file, one a line. */
function faultsIn(t: ExecutionContext, text: string): string[] {
  const { value, source } = sourceOf(text);
  const error = t.throws(() => resolveConfig(value, source), { instanceOf: JackfieldError });
  t.is(error?.code, 'CONFIG_INVALID');
  return error?.message.replace('The configuration is not valid: ', '').split('\n') ?? [];
}

test('the configuration of the design is valid', (t) => {
  const { value, source } = sourceOf(`{
    "$schema": "./jackfield.schema.json",
    "listen": { "host": "127.0.0.1", "port": 10000 },
    "allowedHosts": ["127.0.0.1", "localhost", "[::1]"],
    "storage": { "adapter": "json-file", "options": { "path": "data.json" } },
    "plugins": ["head", { "use": "./plugins/shout.js", "options": { "mark": "?!" } }],
    "limits": { "headerTimeoutMs": 5000, "shutdownTimeoutMs": 0 }
  }`);
  t.notThrows(() => resolveConfig(value, source));
  t.notThrows(() => resolveConfig({}, source));
  t.notThrows(() => resolveConfig({ storage: 'lru', allowedHosts: '*', plugins: [] }, source));
  t.notThrows(() => resolveConfig({ listen: { host: '::', port: 0 } }, source));
});

test('an unknown key is reported with its place and a suggestion', (t) => {
  t.deepEqual(faultsIn(t, '{\n  "plugin": []\n}'), [
    'c.json:2:3: unknown key "plugin"; did you mean "plugins"?',
  ]);
  t.deepEqual(faultsIn(t, '{ "colour": 1 }'), ['c.json:1:3: unknown key "colour"']);
  t.deepEqual(faultsIn(t, '{ "__proto__": {} }'), ['c.json:1:3: unknown key "__proto__"']);
});

test('an unknown nested key is reported with its owner', (t) => {
  t.deepEqual(faultsIn(t, '{ "listen": { "prot": 80 } }'), [
    'c.json:1:15: unknown key "prot" in listen; did you mean "port"?',
  ]);
  t.deepEqual(faultsIn(t, '{ "limits": { "maxBodyOctet": 80 } }'), [
    'c.json:1:15: unknown key "maxBodyOctet" in limits; did you mean "maxBodyOctets"?',
  ]);
  t.deepEqual(faultsIn(t, '{ "storage": { "adapter": "lru", "option": {} } }'), [
    'c.json:1:34: unknown key "option" in storage; did you mean "options"?',
  ]);
  t.deepEqual(faultsIn(t, '{ "plugins": ["get", { "use": "end", "opitons": {} }] }'), [
    'c.json:1:38: unknown key "opitons" in plugins[1]; did you mean "options"?',
  ]);
});

test('a wrong type is reported with the expected and the found value', (t) => {
  const port = 'listen.port: expected a whole number from 0 to 65535, found';
  t.deepEqual(faultsIn(t, '{ "listen": { "port": "80" } }'), [`c.json:1:23: ${port} "80"`]);
  t.deepEqual(faultsIn(t, '{ "listen": { "port": 65536 } }'), [`c.json:1:23: ${port} 65536`]);
  t.deepEqual(faultsIn(t, '{ "listen": { "port": -1 } }'), [`c.json:1:23: ${port} -1`]);
  t.deepEqual(faultsIn(t, '{ "listen": { "port": 80.5 } }'), [`c.json:1:23: ${port} 80.5`]);
  t.deepEqual(faultsIn(t, '{ "listen": { "port": 1e400 } }'), [`c.json:1:23: ${port} Infinity`]);
  t.deepEqual(faultsIn(t, '{ "listen": { "port": null } }'), [`c.json:1:23: ${port} null`]);
  t.deepEqual(faultsIn(t, '{ "listen": 80 }'), [
    'c.json:1:13: listen: expected an object { "host": …, "port": … }, or a list of them, found 80',
  ]);
  t.deepEqual(faultsIn(t, '[]'), ['c.json:1:1: expected an object { … }, found a list']);
  t.deepEqual(faultsIn(t, '{ "plugins": "get" }'), [
    'c.json:1:14: plugins: expected a list of plugins, found "get"',
  ]);
  t.deepEqual(faultsIn(t, '{ "plugins": [5] }'), [
    'c.json:1:15: plugins[0]: expected a plugin name, a path, or { "use": …, "options": … }, found 5',
  ]);
  t.deepEqual(faultsIn(t, '{ "plugins": [" "] }'), [
    'c.json:1:15: plugins[0]: expected a plugin name, a path, or { "use": …, "options": … }, found " "',
  ]);
  t.deepEqual(faultsIn(t, '{ "plugins": [{ "options": {} }] }'), [
    'c.json:1:15: plugins[0].use: expected a plugin: a name, a path, an object with a setup function, or a class, found nothing',
  ]);
  t.deepEqual(faultsIn(t, '{ "storage": true }'), [
    'c.json:1:14: storage: expected an adapter name, a path, or { "adapter": …, "options": … }, found true',
  ]);
  t.deepEqual(faultsIn(t, '{ "storage": { "adapter": "lru", "options": [] } }'), [
    'c.json:1:45: storage.options: expected an object with options of the adapter, found a list',
  ]);
});

test('a long string is shortened in messages', (t) => {
  const [fault = ''] = faultsIn(t, JSON.stringify({ listen: 'x'.repeat(1000) }));
  t.true(fault.endsWith(`${'x'.repeat(59)}…"`));
});

test('a listen address has no port and no brackets', (t) => {
  for (const host of ['127.0.0.1:80', '[::1]', 'http://a', '', 'a b']) {
    t.deepEqual(faultsIn(t, JSON.stringify({ listen: { host } })), [
      'c.json:1:19: listen.host: expected an address or name of this machine without port, ' +
        `such as "127.0.0.1", "::1" or "0.0.0.0", found ${JSON.stringify(host)}`,
    ]);
  }
});

test('allowed hosts are names without scheme, port or path, or "*" for all', (t) => {
  for (const host of ['example.org:80', 'http://example.org', 'example.org/', '::1', '[::1', '*', '']) {
    t.deepEqual(faultsIn(t, JSON.stringify({ allowedHosts: ['a', host] })), [
      'c.json:1:22: allowedHosts[1]: expected a host name without scheme, port or path, such as ' +
        `"example.org" or "[::1]" (all hosts: "allowedHosts": "*"), found ${JSON.stringify(host)}`,
    ]);
  }
  t.deepEqual(faultsIn(t, '{ "allowedHosts": "localhost" }'), [
    'c.json:1:19: allowedHosts: expected a list of host names, or "*" for all, found "localhost"',
  ]);
  t.deepEqual(faultsIn(t, '{ "allowedHosts": [] }'), [
    'c.json:1:19: allowedHosts: expected at least one host name, found a list',
  ]);
});

test('a limit out of range is reported with its unit', (t) => {
  t.deepEqual(faultsIn(t, '{ "limits": { "maxBodyOctets": -1, "idleTimeoutMs": 1e10 } }'), [
    'c.json:1:32: limits.maxBodyOctets: expected a whole number of octets from 0 to 1099511627776, found -1',
    'c.json:1:53: limits.idleTimeoutMs: expected a whole number of milliseconds from 1 to 2147483647, found 10000000000',
  ]);
});

test('every limit refuses a fraction, and its name in another case', (t) => {
  for (const name of Object.keys(DEFAULT_LIMITS)) {
    t.regex(
      faultsIn(t, JSON.stringify({ limits: { [name]: 1.5 } })).join('\n'),
      /a whole number of \w+ from \d+ to \d+, found 1\.5$/,
    );
    t.true(
      faultsIn(t, JSON.stringify({ limits: { [name.toLowerCase()]: 1 } }))[0]?.endsWith(
        `did you mean "${name}"?`,
      ),
    );
  }
});

test('contradicting limits are reported', (t) => {
  t.deepEqual(faultsIn(t, '{ "limits": { "headerTimeoutMs": 2000, "requestTimeoutMs": 1000 } }'), [
    'c.json:1:34: limits.headerTimeoutMs: 2000 is greater than limits.requestTimeoutMs, which is 1000',
  ]);
});

test('all faults are reported at once, in the order of the file', (t) => {
  t.deepEqual(
    faultsIn(
      t,
      '{\n "limits": { "maxBody": 1 },\n "plugins": [5],\n "prot": 1,\n "listen": { "port": "x" }\n}',
    ).map((fault) => fault.split(': ')[0]),
    ['c.json:2:14', 'c.json:3:14', 'c.json:4:2', 'c.json:5:22'],
  );
});

test('a configuration given as an object is validated without places', (t) => {
  const error = t.throws(() => resolveConfig({ listen: { port: 'x' } }, plainSource('/')));
  t.is(
    error?.message,
    'The configuration is not valid: listen.port: expected a whole number from 0 to 65535, found "x"',
  );
});

test('plugins and adapters may be objects', (t) => {
  const plugin = { name: 'shout', setup() {} };
  class Shout {
    setup(): void {}
  }
  const config = {
    plugins: [plugin, Shout, { use: plugin, options: { mark: '!' } }, { use: Shout }],
    storage: { adapter: { name: 'none', create() {} } },
  };
  const { plugins, storage } = resolveConfig(config, plainSource('/'));
  t.deepEqual(plugins as readonly unknown[], config.plugins);
  t.is(plugins[0] as unknown, plugin);
  t.is(storage.adapter as unknown, config.storage.adapter);
});

test('missing keys get their defaults', (t) => {
  t.deepEqual(withDefaults({}), {
    listen: [DEFAULT_LISTENER],
    trustedProxies: [],
    crossSite: 'refuse',
    allowedHosts: DEFAULT_CONFIG.allowedHosts,
    storage: DEFAULT_CONFIG.storage,
    plugins: DEFAULT_CONFIG.plugins,
    limits: DEFAULTS,
    overload: { maxLoopDelayMs: Infinity, maxInFlight: Infinity, retryAfterSeconds: 1 },
  });
  t.deepEqual(withDefaults({ listen: { port: 0 } }).listen, [{ ...DEFAULT_LISTENER, port: 0 }]);
  t.deepEqual(withDefaults({ storage: 'lru' }).storage, { adapter: 'lru', options: {} });
  t.deepEqual(withDefaults({ storage: { adapter: 'lru' } }).storage, { adapter: 'lru', options: {} });
  t.deepEqual(withDefaults({ plugins: [] }).plugins, []);
  t.deepEqual(withDefaults({ limits: { maxBodyOctets: 1 } }).limits, { ...DEFAULTS, maxBodyOctets: 1 });
  t.is(withDefaults({ limits: { maxConnections: 20_000 } }).limits.maxConnections, 20_000);
  t.deepEqual(withDefaults({ overload: { maxInFlight: 5 } }).overload, {
    maxLoopDelayMs: Infinity,
    maxInFlight: 5,
    retryAfterSeconds: 1,
  });
});

test('a listener is a port or a Unix socket, and there may be several', (t) => {
  const tls = { cert: 'a.crt', key: 'a.key' };
  t.deepEqual(withDefaults({ listen: [{ socket: 'a.sock' }, { port: 443, tls }] }).listen, [
    { kind: 'unix', path: 'a.sock', mode: 0o660, sharedReadBuffer: true },
    { ...DEFAULT_LISTENER, port: 443, tls },
  ]);
  t.like(withDefaults({ listen: { socket: 'a.sock', socketMode: '600' } }).listen[0], { mode: 0o600 });
});

test('the default of maxConnections leaves descriptors for the files of the process', (t) => {
  const limits = (openFiles: string) =>
    `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${openFiles}   4096   files\n`;
  t.is(defaultMaxConnections(limits('1024')), 960);
  t.is(defaultMaxConnections(limits('20000')), 10_000);
  t.is(defaultMaxConnections(limits('unlimited')), 10_000);
  t.is(defaultMaxConnections(limits('10')), 1);
  t.is(defaultMaxConnections(''), 10_000);
});

test('a Unix socket has no host, port or TLS, and only a Unix socket has a mode', (t) => {
  t.deepEqual(faultsIn(t, '{ "listen": { "socket": "a.sock", "port": 80 } }'), [
    'c.json:1:43: listen.port: a Unix socket has no port; remove "port" or "socket"',
  ]);
  t.deepEqual(
    faultsIn(
      t,
      '{ "listen": [{ "socketMode": "600" }, { "socket": "a", "host": "::", "tls": { "cert": "a", "key": "b" } }] }',
    ),
    [
      'c.json:1:30: listen[0].socketMode: is only for a Unix socket; set "socket" too, or remove it',
      'c.json:1:64: listen[1].host: a Unix socket has no host; remove "host" or "socket"',
      'c.json:1:77: listen[1].tls: a Unix socket has no tls; remove "tls" or "socket"',
    ],
  );
});

test('faults of listeners in a list, of TLS, proxies and overload are reported with their places', (t) => {
  t.deepEqual(faultsIn(t, '{ "listen": [] }'), [
    'c.json:1:13: listen: expected at least one listener, found a list',
  ]);
  t.deepEqual(faultsIn(t, '{ "listen": [{ "prot": 80 }] }'), [
    'c.json:1:16: unknown key "prot" in listen[0]; did you mean "port"?',
  ]);
  t.deepEqual(faultsIn(t, '{ "listen": { "socket": "a", "socketMode": "0660" } }'), [
    'c.json:1:44: listen.socketMode: expected three octal digits, such as "660", found "0660"',
  ]);
  t.deepEqual(
    faultsIn(t, '{ "listen": { "tls": { "cert": "a", "kye": "b", "key": "b", "minVersion": "1.2" } } }'),
    [
      'c.json:1:37: unknown key "kye" in listen.tls; did you mean "key"?',
      'c.json:1:75: listen.tls.minVersion: expected "TLSv1.2" or "TLSv1.3", found "1.2"',
    ],
  );
  t.deepEqual(faultsIn(t, '{ "listen": { "tls": { "cert": "a" } } }'), [
    'c.json:1:22: listen.tls.key: expected the path of a PEM file, or its text, found nothing',
  ]);
  for (const proxy of [
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    'localhost',
    '10.0.0',
    '1.2.3.4/8/8',
    'fe80::1%lo',
    '',
  ]) {
    t.deepEqual(faultsIn(t, JSON.stringify({ trustedProxies: ['unix', '10.0.0.0/8', '::1', proxy] })), [
      'c.json:1:46: trustedProxies[3]: expected an address, a range such as "10.0.0.0/8", or "unix", ' +
        `found ${JSON.stringify(proxy)}`,
    ]);
  }
  t.deepEqual(faultsIn(t, '{ "overload": { "maxInFlight": 0, "retryAfterSecond": 1 } }'), [
    'c.json:1:32: overload.maxInFlight: expected a whole number of exchanges from 1 to 1000000, found 0',
    'c.json:1:35: unknown key "retryAfterSecond" in overload; did you mean "retryAfterSeconds"?',
  ]);
});

test('undefined values count as absent', (t) => {
  // JavaScript programs pass them, although the types forbid it.
  const config = {
    listen: { port: undefined },
    limits: { maxBodyOctets: undefined },
  } as unknown as ServerConfig;
  t.deepEqual(withDefaults(config).listen, [DEFAULT_LISTENER]);
  t.is(withDefaults(config).limits.maxBodyOctets, DEFAULT_LIMITS.maxBodyOctets);
});

test('a default is adjusted to a configured limit', (t) => {
  t.is(withDefaults({ limits: { requestTimeoutMs: 500 } }).limits.headerTimeoutMs, 500);
  t.is(withDefaults({ limits: { headerTimeoutMs: 60_000 } }).limits.requestTimeoutMs, 60_000);
});

test('the schema can be converted to a JSON Schema in which every key has a description', (t) => {
  const described = (schema: object, path: string): void => {
    const properties: Record<string, object> = Reflect.get(schema, 'properties') ?? {};
    for (const [key, inner] of Object.entries(properties)) {
      t.is(typeof Reflect.get(inner, 'description'), 'string', `${path}.${key} has no description`);
      described(inner, `${path}.${key}`);
    }
  };
  const schema = z.toJSONSchema(configSchema);
  described(schema, '');
  t.is(Reflect.get(schema, 'additionalProperties'), false);
});

// Options of plugins and adapters

const options = z.strictObject({
  mark: z.string().default('!'),
  level: z.enum(['quiet', 'loud']).optional(),
  style: z.strictObject({ colour: z.string().optional(), width: z.int().optional() }).optional(),
  rules: z.array(z.strictObject({ from: z.string(), to: z.string() })).optional(),
  perHost: z.record(z.string(), z.strictObject({ mark: z.string() })).optional(),
});

async function explain(text: string, schema: typeof options | undefined, value?: unknown): Promise<string[]> {
  const { source, value: config } = sourceOf(
    `{ "plugins": ["get",\n{ "use": "shout", "options":\n${text} }] }`,
  );
  const given: unknown = (config as { plugins: { options: unknown }[] }).plugins[1]?.options;
  const { issues = [] } = await options['~standard'].validate(given);
  const place = { source, path: ['plugins', 1, 'options'], knownKeys: knownKeysOf(options) };
  return explainIssues(issues, {
    ...place,
    ...(schema === undefined ? {} : { schema }),
    ...(value === undefined ? {} : { value: given }),
  });
}

test('an unknown option is reported with its place and a suggestion', async (t) => {
  t.deepEqual(await explain('{ "mrak": "?" }', undefined), [
    'c.json:3:3: unknown key "mrak" in plugins[1].options; did you mean "mark"?',
  ]);
});

test('with a schema, suggestions work in nested objects, lists and records', async (t) => {
  t.deepEqual(await explain('{ "style": { "color": "red" } }', options), [
    'c.json:3:14: unknown key "color" in plugins[1].options.style; did you mean "colour"?',
  ]);
  t.deepEqual(await explain('{ "rules": [{ "from": "a", "to": "b", "form": "c" }] }', options), [
    'c.json:3:39: unknown key "form" in plugins[1].options.rules[0]; did you mean "from"?',
  ]);
  t.deepEqual(await explain('{ "perHost": { "a.b": { "mark": "?", "marc": "" } } }', options), [
    'c.json:3:38: unknown key "marc" in plugins[1].options.perHost["a.b"]; did you mean "mark"?',
  ]);
  // Without a schema, nested keys are still refused.
  t.deepEqual(await explain('{ "style": { "color": "red" } }', undefined), [
    'c.json:3:14: unknown key "color" in plugins[1].options.style',
  ]);
});

test('with the value, sentences say what was found', async (t) => {
  t.deepEqual(await explain('{ "mark": 5, "style": [], "level": "lout" }', options, true), [
    'c.json:3:11: plugins[1].options.mark: expected a string, found 5',
    'c.json:3:23: plugins[1].options.style: expected an object { … }, found a list',
    'c.json:3:36: plugins[1].options.level: expected "quiet" or "loud", found "lout"; did you mean "loud"?',
  ]);
  t.deepEqual(await explain('{ "mark": 5 }', options), [
    'c.json:3:11: plugins[1].options.mark: Invalid input: expected string, received number',
  ]);
});

test('messages of plugin authors are unchanged', (t) => {
  const issues = [{ message: 'Marks are one character.', path: [{ key: 'mark' }] }, { message: 'Odd.' }];
  t.deepEqual(
    explainIssues(issues, { source: plainSource('/'), path: ['plugins', 0], value: { mark: '!!' } }),
    ['plugins[0].mark: Marks are one character.', 'plugins[0]: Odd.'],
  );
});

test('known keys are those of a zod object, also inside wrappers; other schemas have none', (t) => {
  const keys = ['mark', 'level', 'style', 'rules', 'perHost'];
  t.deepEqual(knownKeysOf(options), keys);
  t.deepEqual(knownKeysOf(options.optional()), keys);
  t.deepEqual(knownKeysOf(options.prefault({})), keys);
  t.deepEqual(knownKeysOf(options.transform((value) => value.mark)), keys);
  t.deepEqual(knownKeysOf(options, ['style']), ['colour', 'width']);
  t.deepEqual(knownKeysOf(options, ['style', 'colour', 'deeper']), []);
  t.deepEqual(knownKeysOf(options, ['constructor']), []);
  t.deepEqual(knownKeysOf(z.string()), []);
  t.deepEqual(knownKeysOf({ '~standard': {} }), []);
  t.deepEqual(knownKeysOf(undefined), []);
});
