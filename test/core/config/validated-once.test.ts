/** A configuration is validated once per start and once per reload, and so are the options of plugins and adapters. */
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readConfig } from '../../../core/config/config-file.js';
import type { ServerConfig } from '../../../core/config/server-config.js';
import { createServer } from '../../../core/server.js';
import { tempFolder } from '../temp-folder.js';

/** An extension reports each validation of its options here. */
const counts = new Map<string, number>();
Reflect.set(globalThis, Symbol.for('jackfield.test.validated'), (name: string) =>
  counts.set(name, (counts.get(name) ?? 0) + 1),
);
const SCHEMA = `{ '~standard': { version: 1, vendor: 'test', validate(value) {
  globalThis[Symbol.for('jackfield.test.validated')](value.name);
  return { value };
} } }`;
const FILES = {
  'plugin.mjs': `export default { name: 'counted', options: ${SCHEMA}, setup() {} };`,
  'adapter.mjs': `const supports = { durable: false, shared: 'process', bounded: false };
    const store = { name: 'counted', supports, open() {}, get() {}, list() {}, commit() {}, close() {} };
    export default { name: 'counted', options: ${SCHEMA}, create: () => store };`,
};

/** A number that no other part of a configuration has: a validation asks whether it is whole. */
function numberOfChecks(t: ExecutionContext, unique: number): () => number {
  const { isSafeInteger } = Number;
  let checks = 0;
  Number.isSafeInteger = (value) => {
    if (value === unique) checks += 1;
    return isSafeInteger(value);
  };
  t.teardown(() => {
    Number.isSafeInteger = isSafeInteger;
  });
  return () => checks;
}

function named(name: string, limits: object): ServerConfig {
  return {
    storage: { adapter: './adapter.mjs', options: { name: `${name}-adapter` } },
    plugins: [{ use: './plugin.mjs', options: { name: `${name}-plugin` } }],
    limits,
  };
}

test.serial('a configuration file is validated once per start and once per reload', async (t) => {
  const given = named('file', { maxHeaderFields: 4711 });
  const cwd = await tempFolder(t, {
    ...FILES,
    'a.json': JSON.stringify(given),
    'b.json': JSON.stringify(given),
  });
  const checks = numberOfChecks(t, 4711);
  const { config, source } = await readConfig('a.json', cwd);
  const server = createServer(config, { source });
  t.teardown(() => server.close());
  await server.ready();
  t.is(checks(), 1);
  t.is(counts.get('file-plugin'), 1);
  t.is(counts.get('file-adapter'), 1);
  const next = await readConfig('b.json', cwd);
  await server.reload(next.config, next.source);
  t.is(checks(), 2);
  t.is(counts.get('file-plugin'), 2);
});

test.serial('the configuration that a module exports is validated once', async (t) => {
  const given = JSON.stringify(named('module', { maxHeaderFields: 4712 }));
  const cwd = await tempFolder(t, { ...FILES, 'a.mjs': `export default ${given};` });
  const checks = numberOfChecks(t, 4712);
  const { config, source } = await readConfig('a.mjs', cwd);
  const server = createServer(config, { source });
  t.teardown(() => server.close());
  await server.ready();
  t.is(checks(), 1);
  t.is(counts.get('module-plugin'), 1);
});

test.serial(
  'a configuration object of a program is validated once per start and once per reload',
  async (t) => {
    const folder = await tempFolder(t, FILES);
    const source = { folder, locate: () => '' };
    const checks = numberOfChecks(t, 4713);
    const server = createServer(named('object', { maxHeaderFields: 4713 }), { source });
    t.teardown(() => server.close());
    await server.ready();
    t.is(checks(), 1);
    t.is(counts.get('object-plugin'), 1);
    await server.reload(named('object', { maxHeaderFields: 4713 }));
    t.is(checks(), 2);
    t.is(counts.get('object-plugin'), 2);
  },
);

test.serial('a changed copy of a configuration that was read is validated', async (t) => {
  const cwd = await tempFolder(t, { 'a.json': '{ "limits": { "maxHeaderFields": 5 } }' });
  const { config, source } = await readConfig('a.json', cwd);
  const changed = { ...config, limits: { maxHeaderFields: 'five' } } as unknown as ServerConfig;
  t.throws(() => createServer(changed, { source }), {
    code: 'CONFIG_INVALID',
    message: /a\.json:1:.*"five"/,
  });
});

test.serial('a configuration that was read cannot be changed, so it stays valid', async (t) => {
  const cwd = await tempFolder(t, {
    'a.json': JSON.stringify({ listen: [{ port: 0 }], plugins: [{ use: 'get', prefix: '/a' }], limits: {} }),
  });
  const { config } = await readConfig(path.join(cwd, 'a.json'));
  const parts: readonly unknown[] = [
    config,
    config.listen,
    config.plugins,
    config.plugins?.[0],
    config.limits,
  ];
  t.true(parts.every((part) => Object.isFrozen(part)));
  t.true(Object.isFrozen(Reflect.get(Object(config.listen), 0)));
});
