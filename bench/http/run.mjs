/**
 * Compares HTTP servers in one run: the server on core 0, the load on core 1, the servers in turn, round after round.
 * The figure is the CPU time of all threads of the server per request, in microseconds: it varies far less than a rate.
 *
 *   node bench/http/run.mjs [--rounds 5] [--seconds 3] [--only jackfield,fastify] [--scenario get,pipelined]
 *
 * Needs wrk and taskset (Debian: wrk, util-linux) and `npm install` in bench/.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { costOf, median, residentOctets, start } from '../measure.mjs';

const HERE = import.meta.dirname;

const SERVERS = {
  jackfield: { command: [process.execPath, 'servers/jackfield.mjs'] },
  'jackfield, portable reads': {
    command: [process.execPath, 'servers/jackfield.mjs'],
    env: { PORTABLE: '1' },
  },
  'canned net': { command: [process.execPath, 'servers/canned-net.mjs'], only: ['get', 'pipelined', 'idle'] },
  'node:http': { command: [process.execPath, 'servers/node-http.mjs'] },
  fastify: { command: [process.execPath, 'servers/fastify.mjs'] },
  hono: { command: [process.execPath, 'servers/hono.mjs'] },
  bun: { command: [join(HERE, '../node_modules/.bin/bun'), 'servers/bun.mjs'] },
  'uWebSockets.js': { command: [process.execPath, 'servers/uws.mjs'] },
};

const SCENARIOS = {
  get: { title: 'GET, 13 octets, one at a time', path: '/', wrk: [] },
  pipelined: {
    title: 'GET, 13 octets, pipelined by 16',
    path: '/',
    wrk: ['-s', join(HERE, 'pipelined.lua')],
  },
  route: { title: 'GET with a route parameter', path: '/users/12345', wrk: [] },
  post: { title: 'POST of 1 KiB', path: '/echo', wrk: ['-s', join(HERE, 'post.lua')] },
  stream: { title: '100 KiB streamed out', path: '/stream', wrk: [] },
  idle: { title: 'memory of an idle connection' },
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    idle: { type: 'string', default: '10000' },
    only: { type: 'string', default: Object.keys(SERVERS).join() },
    scenario: { type: 'string', default: Object.keys(SCENARIOS).join() },
  },
});
const names = values.only.split(',').flatMap((name) => (name === ' portable reads' ? [] : [name]));
const servers = Object.keys(SERVERS).filter((name) =>
  names.some((wanted) => name === wanted || name.startsWith(`${wanted},`)),
);
const scenarios = values.scenario.split(',');

/** Octets of resident memory per idle connection after one exchange. */
async function idleCost(name) {
  const { child, port } = await start({ cwd: HERE, ...SERVERS[name] });
  const sockets = [];
  try {
    const open = () =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () =>
          socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
        );
        socket.once('error', reject);
        socket.once('data', resolve);
        sockets.push(socket);
      });
    for (let at = 0; at < 100; at++) await open();
    const before = residentOctets(child.pid);
    const count = Number(values.idle);
    for (let at = 0; at < count; at += 100) await Promise.all(Array.from({ length: 100 }, open));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return (residentOctets(child.pid) - before) / count;
  } finally {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
  }
}

function versions() {
  const of = (name) => {
    try {
      return `${name} ${JSON.parse(readFileSync(join(HERE, '../node_modules', name, 'package.json'), 'utf8')).version}`;
    } catch {
      return `${name} missing`;
    }
  };
  return ['fastify', 'hono', '@hono/node-server', 'bun', '@trufflesuite/uws-js-unofficial']
    .map(of)
    .join(', ');
}

console.log(`Node ${process.version}, ${versions()}; ${cpus().length} × ${cpus()[0].model}`);
for (const key of scenarios) {
  const scenario = SCENARIOS[key];
  const taking = servers.filter((name) => (SERVERS[name].only ?? [key]).includes(key));
  const figures = new Map(taking.map((name) => [name, []]));
  const rounds = key === 'idle' ? 1 : Number(values.rounds);
  for (let round = 0; round < rounds; round++) {
    for (const name of taking) {
      try {
        figures
          .get(name)
          .push(
            key === 'idle'
              ? await idleCost(name)
              : await costOf(
                  { cwd: HERE, ...SERVERS[name] },
                  scenario,
                  values.connections,
                  Number(values.seconds),
                ),
          );
      } catch (error) {
        console.error(`${name}: ${error.message}`);
      }
    }
  }
  const unit = key === 'idle' ? 'octets' : 'µs CPU per request';
  console.log(
    `\n### ${scenario.title}\n\n| server | ${unit}, median | min | max | jackfield is |\n|---|---|---|---|---|`,
  );
  const own = median(figures.get('jackfield') ?? [Number.NaN]);
  const digits = key === 'idle' ? 0 : 2;
  for (const [name, all] of figures) {
    if (all.length === 0) continue;
    const ratio = name === 'jackfield' ? '' : (own / median(all)).toFixed(2);
    const [least, most] = [Math.min(...all), Math.max(...all)];
    console.log(
      `| ${name} | ${median(all).toFixed(digits)} | ${least.toFixed(digits)} | ${most.toFixed(digits)} | ${ratio} |`,
    );
  }
}
