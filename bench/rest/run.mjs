/**
 * Measures memory per idle connection, memory without clients, CPU time of a start, and CPU time of a GET. With --base
 * it compares another build of jackfield, alternating within the same run.
 *
 *   node bench/rest/run.mjs [--base FOLDER] [--only idle,resident,start,get,pipelined] [--rounds 20]
 *     [--programs jackfield,base]
 *
 * FOLDER is a checkout of another commit, with `npm install` and `npm run build` done. Needs Linux (/proc); `get` and
 * `pipelined` need wrk and taskset.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { load, median, residentOctets } from '../measure.mjs';

/** Connections opened before the measurement begins, so that the heap has its working size. */
const WARM_UP = 2_000;
const COUNTED = 6_000;
/** Connections that are being opened at the same time. */
const AT_ONCE = 100;
/** jackfield returns memory of a connection that has been idle for 5 seconds. */
const IDLE_MS = 8_000;
const RESIDENT_MS = 3_000;
/** wrk takes whole seconds. */
const LOAD_SECONDS = 1;

const program = (name) => join(import.meta.dirname, 'programs', name);
const here = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    only: { type: 'string', default: 'idle,resident,start,get,pipelined' },
    rounds: { type: 'string', default: '20' },
    programs: { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds);
const builds = { jackfield: here, ...(values.base && { base: resolve(values.base) }) };
const eachBuild = (make) => Object.fromEntries(Object.entries(builds).map(([name, at]) => [name, make(at)]));
const portable = (programs) =>
  Object.fromEntries(
    Object.entries(programs).map(([name, argv]) => [`${name}, portable reads`, [...argv, 'portable']]),
  );

const libraries = eachBuild((at) => [program('jackfield.mjs'), at]);
const commands = eachBuild((at) => [join(at, 'dist/core/cli/main.js'), 'serve', '--port', '0']);

/** CPU time of all threads, in milliseconds. */
function cpuOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, id) => {
    const [onCpu] = readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ');
    return sum + Number(onCpu) / 1e6;
  }, 0);
}

/** Starts a program, waits for its first output and ends it after `use`. */
async function during(argv, use) {
  const cwd = mkdtempSync(join(tmpdir(), 'jackfield-rest-'));
  const child = spawn(process.execPath, argv, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const failed = ended.then(() => Promise.reject(new Error(`${argv[0]} ended before it listened.`)));
    const [text] = await Promise.race([once(child.stdout, 'data'), failed]);
    failed.catch(() => {});
    return await use(child.pid, Number(/(\d+)\s*$/.exec(String(text))?.[1]));
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(cwd, { recursive: true, force: true });
  }
}

function openIdle(port, sockets) {
  return new Promise((opened, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
    );
    socket.once('error', reject);
    socket.once('data', opened);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
}

/** Octets of resident memory per idle connection after one exchange. */
async function idleOctets(pid, port) {
  const sockets = new Set();
  const open = async (count) => {
    for (let at = 0; at < count; at += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, () => openIdle(port, sockets)));
    await rest(IDLE_MS);
  };
  try {
    await open(WARM_UP);
    const before = residentOctets(pid);
    await open(COUNTED);
    if (sockets.size !== WARM_UP + COUNTED) throw new Error(`${sockets.size} connections are open.`);
    return (residentOctets(pid) - before) / COUNTED;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function inTurn(programs, count, measure) {
  const names = Object.keys(programs).filter(isWanted);
  const figures = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < count; round++)
    for (const at of names.keys()) {
      const name = names[(at + round) % names.length];
      figures.get(name).push(await measure(name));
    }
  return figures;
}

function report(title, figures, digits) {
  console.log(`\n${title}\n`);
  const width = Math.max(...[...figures.keys()].map((name) => name.length));
  console.log(`${''.padEnd(width)}     median        min  of base: medians, minima`);
  for (const [name, all] of figures) {
    const base = figures.get(name.replace('jackfield', 'base'));
    const ratios =
      base === undefined || base === all
        ? ''
        : `${(median(all) / median(base)).toFixed(3)}, ${(Math.min(...all) / Math.min(...base)).toFixed(3)}`;
    const [middle, least] = [median(all), Math.min(...all)].map((one) => one.toFixed(digits).padStart(10));
    console.log(`${name.padEnd(width)} ${middle} ${least}  ${ratios}`);
  }
}

const isWanted = (name) => values.programs === '' || values.programs.split(',').includes(name);

/** All servers run at once; only the one under load takes CPU time. */
async function costs(all, script) {
  const programs = Object.fromEntries(Object.entries(all).filter(([name]) => isWanted(name)));
  const servers = new Map();
  const startAll = async ([name, ...others]) => {
    if (name === undefined) {
      for (const { port } of servers.values()) await load(port, '/', script, 64, 1);
      return inTurn(programs, rounds, async (one) => {
        const { pid, port } = servers.get(one);
        const before = cpuOf(pid);
        const requests = await load(port, '/', script, 64, LOAD_SECONDS);
        return ((cpuOf(pid) - before) * 1000) / requests;
      });
    }
    return during(programs[name], (pid, port) => {
      servers.set(name, { pid, port });
      return startAll(others);
    });
  };
  return startAll(Object.keys(programs));
}

const scenarios = {
  idle: async () => {
    const programs = {
      ...libraries,
      ...portable(libraries),
      'node:http': [program('node-http.mjs')],
      'bare net': [program('net.mjs')],
    };
    const measure = (name) => during(programs[name], idleOctets);
    report('Octets of an idle connection', await inTurn(programs, Math.min(rounds, 3), measure), 0);
  },
  resident: async () => {
    const measure = (name) =>
      during(commands[name], async (pid) => {
        await rest(RESIDENT_MS);
        return residentOctets(pid) / 1024;
      });
    report('KiB of `jackfield serve` without clients', await inTurn(commands, rounds, measure), 0);
  },
  start: async () => {
    for (const argv of Object.values(commands)) await during(argv, () => {});
    const measure = (name) => during(commands[name], cpuOf);
    report('Milliseconds of CPU time of a start', await inTurn(commands, rounds, measure), 1);
  },
  get: async () =>
    report('GET, µs of CPU per request', await costs({ ...libraries, ...portable(libraries) }, []), 2),
  pipelined: async () => {
    const script = ['-s', join(import.meta.dirname, '../http/pipelined.lua')];
    report(
      'GET pipelined by 16, µs of CPU',
      await costs({ ...libraries, ...portable(libraries) }, script),
      3,
    );
  },
};
console.log(`Node ${process.version}`);
for (const name of values.only.split(',')) await scenarios[name]();
