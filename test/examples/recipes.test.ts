/**
 * Tests the files of examples/recipes. Files of jackfield are run. Files of other programs are checked by those programs if
 * they are installed, and everywhere for their syntax and for names that they share with jackfield.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { json, text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { readConfig } from '../../core/config/config-file.js';
import { DEFAULT_LIMITS } from '../../core/config/limits.js';
import type { PluginReference } from '../../core/config/server-config.js';
import { createServer } from '../../core/index.js';
import { ROOT, readText } from '../repository.js';
import { reportMissing } from '../support/missing.js';
import { redisMissing, startRedis } from '../support/redis-server.js';
import { isInstalled, REVERSE_PROXIES, startReverseProxy } from '../support/reverse-proxies.js';

const recipe = (name: string): string => path.join(ROOT, 'examples/recipes', name);

/** A copy inside the repository, so that it can import the package. */
async function copyOf(t: ExecutionContext, name: string): Promise<string> {
  const folder = await mkdtemp(path.join(ROOT, 'dist/recipe-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await cp(recipe(name), folder, { recursive: true });
  return folder;
}

test('recipes: nginx: the client is the one that the proxy names, over a Unix socket', async (t) => {
  const folder = await copyOf(t, 'nginx');
  const { config, source } = await readConfig(undefined, folder);
  const server = createServer(config, { source });
  t.teardown(() => server.close());
  const { socket = '' } = await server.listen();
  // The fields that nginx.conf sets.
  const set = (await readText('examples/recipes/nginx/nginx.conf')).matchAll(/proxy_set_header (\S+) /g);
  t.deepEqual(
    Array.from(set, ([, name]) => name),
    [
      'Connection',
      'Upgrade',
      'Host',
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Host',
      'Forwarded',
    ],
  );
  const headers = {
    Host: 'tea.example.com',
    'X-Forwarded-For': '192.0.2.7',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'tea.example.com',
  };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ socketPath: socket, path: '/who', headers }, resolve).on('error', reject);
  });
  t.deepEqual(await json(answer), {
    remoteAddress: '192.0.2.7',
    protocol: 'https',
    host: 'tea.example.com',
  });
});

if (isInstalled(REVERSE_PROXIES.nginx!)) {
  test('recipes: nginx itself: other hosts are refused, and other protocols pass', async (t) => {
    const folder = await copyOf(t, 'nginx');
    const { config, source } = await readConfig(undefined, folder);
    const lines: PluginReference = './lines.js';
    await cp(path.join(ROOT, 'examples/upgrade/lines.js'), path.join(folder, 'lines.js'));
    const server = createServer({ ...config, plugins: [...(config.plugins ?? []), lines] }, { source });
    t.teardown(() => server.close());
    await server.listen();
    const port = await startReverseProxy(t, REVERSE_PROXIES.nginx!, folder, undefined);
    const ask = async (target: string, headers: http.OutgoingHttpHeaders): Promise<http.IncomingMessage> => {
      const request = http.get({ host: '127.0.0.1', port, path: target, headers });
      const [answer] = await Promise.race([once(request, 'response'), once(request, 'upgrade')]);
      return answer;
    };
    t.is((await ask('/who', { Host: 'other.example' })).statusCode, 400);
    const upgrade = { Host: 'tea.example.com', Connection: 'upgrade', Upgrade: 'lines/1' };
    const switched = await ask('/lines', upgrade);
    t.is(switched.statusCode, 101);
    switched.socket.destroy();
  });
} else reportMissing(test, 'recipes: nginx is not installed');

for (const file of ['nginx/nginx.conf', 'redis-two-servers/nginx.conf']) {
  test(`recipes: ${file} has valid syntax, and passes requests to the addresses of the servers`, async (t) => {
    const text = await readFile(recipe(file), 'utf8');
    let depth = 0;
    for (const line of text.split('\n').map((one) => one.replace(/(^|\s)#.*/, '').trim())) {
      if (line === '') continue;
      t.regex(line, /^(?:(?:[a-z_]+|"")(?: [^;{}]+)?(?:;| \{)|\})$/);
      depth += Number(line.endsWith('{')) - Number(line === '}');
      t.true(depth >= 0);
    }
    t.is(depth, 0);
    const [, upstream] = /^upstream (\w+) \{/m.exec(text) ?? [];
    t.true(text.includes(`proxy_pass http://${upstream};`));
  });
}

// One after the other, because the environment belongs to the whole process.
test.serial(
  'recipes: redis-two-servers: the configuration is valid, and its ports are those in nginx.conf',
  async (t) => {
    const { config } = await readConfig(undefined, recipe('redis-two-servers'));
    t.deepEqual(config.storage, {
      adapter: 'redis',
      options: { url: 'redis://127.0.0.1:6379', namespace: 'tea' },
    });
    const page = await readText('docs/recipes/redis-two-servers.md');
    const ports = Array.from(page.matchAll(/serve --port (\d+)/g), ([, port]) => port);
    const nginx = await readText('examples/recipes/redis-two-servers/nginx.conf');
    const known = Array.from(nginx.matchAll(/server 127\.0\.0\.1:(\d+) /g), ([, port]) => port);
    t.deepEqual(ports, known);
    t.is(ports.length, 2);
  },
);

test.serial('recipes: redis-two-servers: entries of one server can be read through the other', async (t) => {
  const missing = redisMissing();
  if (missing !== undefined) {
    t.falsy(process.env.CI, missing);
    return;
  }
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  process.env.REDIS_URL = redis.url;
  const { config, source } = await readConfig(undefined, recipe('redis-two-servers'));
  const [one, other] = [0, 1].map(() => createServer({ ...config, listen: { port: 0 } }, { source }));
  t.teardown(() => Promise.all([one!.close(), other!.close()]));
  const headers = { Host: 'tea.example.com' };
  const create = { method: 'POST', target: '/create', body: 'tea: green', headers };
  t.is((await one!.inject(create)).status, 200);
  const { text } = await other!.inject({ headers: { ...headers, Accept: 'application/json' } });
  t.deepEqual(JSON.parse(text), { tea: 'green' });
  t.is((await other!.inject(create)).status, 400);
});

for (const name of ['systemd', 'container']) {
  test.serial(`recipes: ${name}: the server keeps its data in the given folder`, async (t) => {
    const folder = await copyOf(t, name);
    process.env.STATE_DIRECTORY = path.join(folder);
    const { config, source } = await readConfig(undefined, folder);
    const server = createServer({ ...config, listen: { port: 0 } }, { source });
    await server.listen();
    t.is((await server.inject({ method: 'POST', target: '/create', body: 'a: 1' })).status, 200);
    await server.close();
    t.deepEqual(JSON.parse(await readFile(path.join(folder, 'data.json'), 'utf8')), { a: '1' });
  });
}

test('recipes: systemd: the unit allows enough time for the drain, and enough files', async (t) => {
  const text = await readFile(recipe('systemd/tea-house.service'), 'utf8');
  const sections = Array.from(text.matchAll(/^\[(\w+)\]$/gm), ([, name]) => name);
  t.deepEqual(sections, ['Unit', 'Service', 'Install']);
  for (const line of text.split('\n')) t.regex(line, /^(?:|#.*|\[\w+\]|[A-Z]\w+=.*)$/);
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  t.true(Number(value('TimeoutStopSec')) * 1_000 > DEFAULT_LIMITS.shutdownTimeoutMs);
  t.true(Number(value('LimitNOFILE')) >= DEFAULT_LIMITS.maxConnections + 64);
  t.is(value('ExecReload'), '/bin/kill -HUP $MAINPID');
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) return;
  const { stderr } = spawnSync('systemd-analyze', ['verify', recipe('systemd/tea-house.service')], {
    encoding: 'utf8',
  });
  // The program is not installed here; systemd-analyze must report nothing else.
  const told = stderr
    .split('\n')
    .filter((line) => line.includes('tea-house') && !line.includes('is not executable'));
  t.deepEqual(told, []);
});

test('recipes: container: every instruction is valid, lists are JSON, and the command is jackfield', async (t) => {
  const text = (await readFile(recipe('container/Containerfile'), 'utf8')).replaceAll(/^#.*\n/gm, '');
  const lines = text.split('\n').filter((line) => line !== '');
  const known = /^(FROM|WORKDIR|COPY|RUN|USER|ENV|VOLUME|EXPOSE|CMD|HEALTHCHECK) \S/;
  for (const line of lines) t.regex(line, known);
  const lists = lines.filter((line) => line.includes('CMD [')).map((line) => line.replace(/^.*CMD /, ''));
  t.is(lists.length, 2);
  const [command, check]: string[][] = lists.map((list) => JSON.parse(list));
  t.deepEqual(command, ['node_modules/.bin/jackfield', 'serve', '--host', '0.0.0.0']);
  t.deepEqual(check?.slice(0, 2), ['node', '-e']);
  t.is(spawnSync(process.execPath, ['--check', '-'], { input: check?.[2] }).status, 0);
});

test('recipes: process-managers: pm2 allows enough time for the drain, and starts one process', (t) => {
  const require = createRequire(import.meta.url);
  const { apps } = require(recipe('process-managers/ecosystem.config.cjs')) as {
    apps: { script: string; exec_mode: string; kill_timeout: number }[];
  };
  t.is(apps.length, 1);
  const [{ script, exec_mode, kill_timeout }] = apps as [(typeof apps)[0]];
  t.is(exec_mode, 'fork');
  t.true(kill_timeout > DEFAULT_LIMITS.shutdownTimeoutMs);
  const { bin } = require(path.join(ROOT, 'package.json')) as { bin: { jackfield: string } };
  t.is(script, `node_modules/jackfield/${bin.jackfield}`);
});

test('recipes: haproxy: "option httpchk" alone is answered by health, as its page says', async (t) => {
  const { config, source } = await readConfig(undefined, recipe('haproxy'));
  const plugins = config.plugins?.filter((one) => one !== './who.js') ?? [];
  const server = createServer({ ...config, listen: { port: 0 }, plugins }, { source });
  t.teardown(() => server.close());
  const { port = 0 } = await server.listen();
  const socket = net.connect(port, '127.0.0.1');
  socket.end('OPTIONS / HTTP/1.0\r\n\r\n');
  t.regex(await text(socket), /^HTTP\/1\.1 200 .*"status":"ready"/s);
});
