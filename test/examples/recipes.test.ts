/**
 * The files of examples/recipes. What belongs to jackfield is run; what belongs to others is checked by their own
 * programs where those are installed, and everywhere for its form and for what it names of jackfield.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { json, text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { readConfig } from '../../core/config/config-file.js';
import { DEFAULT_LIMITS } from '../../core/config/limits.js';
import type { PluginReference } from '../../core/config/server-config.js';
import { createServer } from '../../core/index.js';
import { ROOT, readText } from '../repository.js';
import { redisMissing, startRedis } from '../support/redis-server.js';

const recipe = (name: string): string => path.join(ROOT, 'examples/recipes', name);

/** A copy inside the repository, where the package finds itself. */
async function copyOf(t: ExecutionContext, name: string): Promise<string> {
  const folder = await mkdtemp(path.join(ROOT, 'dist/recipe-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await cp(recipe(name), folder, { recursive: true });
  return folder;
}

test('recipes: nginx: its client is who the proxy says, over a Unix socket', async (t) => {
  const folder = await copyOf(t, 'nginx');
  const { config, source } = await readConfig(undefined, folder);
  const server = createServer(config, { source });
  t.teardown(() => server.close());
  const { socket = '' } = await server.listen();
  // What nginx.conf has nginx set.
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

const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/** nginx with the site of the recipe, in one process that is ended with the test. @returns the port it listens on. */
async function startNginx(t: ExecutionContext, folder: string): Promise<number> {
  // nginx cannot be asked which port it was given, so it is given one that was free a moment ago.
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  const site = (await readText('examples/recipes/nginx/nginx.conf'))
    .replace('/srv/tea-house', folder)
    .replace('listen 80;', `listen 127.0.0.1:${port};`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const whole = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr notice;
    events {} http { access_log off; ${temporary.join(' ')} ${site} }`;
  await writeFile(path.join(folder, 'whole.conf'), whole);
  const nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'whole.conf'), '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(nginx, 'close');
  t.teardown(async () => {
    nginx.kill();
    await ended;
  });
  let told = '';
  nginx.stderr.setEncoding('utf8').on('data', (part: string) => {
    told += part;
  });
  for (let tries = 0; tries < 200; tries += 1) {
    const socket = net.connect(port, '127.0.0.1');
    const isUp = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>((resolve) => socket.once('error', () => resolve(false))),
    ]).finally(() => socket.destroy());
    if (isUp) return port;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nginx does not listen: ${told}`);
}

(hasNginx ? test : test.skip)(
  'recipes: nginx itself: it tells of the client what is true, and lets methods and protocols through',
  async (t) => {
    const folder = await copyOf(t, 'nginx');
    const { config, source } = await readConfig(undefined, folder);
    const lines: PluginReference = './lines.js';
    await cp(path.join(ROOT, 'examples/upgrade/lines.js'), path.join(folder, 'lines.js'));
    const server = createServer({ ...config, plugins: [...(config.plugins ?? []), lines] }, { source });
    t.teardown(() => server.close());
    await server.listen();
    const port = await startNginx(t, folder);
    const ask = async (method: string, target: string, headers = {}): Promise<http.IncomingMessage> => {
      const request = http.request({
        host: '127.0.0.1',
        port,
        method,
        path: target,
        headers: { Host: 'tea.example.com', ...headers },
      });
      request.end();
      const [answer] = await Promise.race([once(request, 'response'), once(request, 'upgrade')]);
      return answer;
    };
    const forged = {
      'X-Forwarded-For': '192.0.2.7',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      Forwarded: 'for=192.0.2.8;proto=https;host=evil.example',
    };
    t.deepEqual(await json(await ask('GET', '/who', forged)), {
      remoteAddress: '127.0.0.1',
      protocol: 'http',
      host: 'tea.example.com',
    });
    const purged = await ask('PURGE', '/');
    t.is(purged.statusCode, 405);
    t.is(await text(purged), 'Method not allowed: PURGE');
    t.is((await ask('GET', '/who', { Host: 'other.example' })).statusCode, 400);
    const switched = await ask('GET', '/lines', { Connection: 'upgrade', Upgrade: 'lines/1' });
    t.is(switched.statusCode, 101);
    switched.socket.destroy();
  },
);

for (const file of ['nginx/nginx.conf', 'redis-two-servers/nginx.conf']) {
  test(`recipes: ${file} is made of directives and blocks, and passes to where the servers listen`, async (t) => {
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

// One after the other, for the environment is that of the whole process.
test.serial(
  'recipes: redis-two-servers: the configuration is valid, and its ports are those that nginx knows',
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

test.serial('recipes: redis-two-servers: what one server has answered the other reads', async (t) => {
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
  test.serial(`recipes: ${name}: the server keeps its data in the folder that it is given`, async (t) => {
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

test('recipes: systemd: the unit gives the drain its time, and enough files', async (t) => {
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
  // The program is not installed where this test runs; of everything else nothing is to be told.
  const told = stderr
    .split('\n')
    .filter((line) => line.includes('tea-house') && !line.includes('is not executable'));
  t.deepEqual(told, []);
});

test('recipes: container: every instruction is one, lists are JSON, and the command is ours', async (t) => {
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
