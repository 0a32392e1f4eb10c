/**
 * Measures the time from the start of a process until it listens: jackfield with its default plugins, and Fastify with as
 * many plugins, which are modules too and do about the same. Processes run one at a time, in a different order each round,
 * so that other load of the machine affects all of them; the figures are medians. CPU time is that of all threads until
 * the process reports that it listens.
 *
 *   node bench/startup/run.mjs [--rounds 30] [--only jackfield,fastify]
 *
 * Needs Linux (/proc), `npm run build`, and `npm install` in bench/.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const program = (name) => [join(import.meta.dirname, 'programs', name)];
const command = join(import.meta.dirname, '../../dist/core/cli/main.js');

const STARTS = {
  'node:net alone': { argv: program('node-net.mjs') },
  'fastify, 8 plugins': { argv: program('fastify.mjs') },
  'jackfield, 8 default plugins': { argv: program('jackfield.mjs') },
  'fastify, with log and schema': { argv: program('fastify-as-it-comes.mjs') },
  // With everything that the command adds: configuration, log, durable store and watchdog.
  'jackfield serve, as it comes': { argv: [command, 'serve', '--port', '0'] },
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    only: { type: 'string', default: Object.keys(STARTS).join(';') },
  },
});
const rounds = Number(values.rounds);
const wanted = values.only.split(/[;,] ?/);
const names = Object.keys(STARTS).filter((name) => wanted.some((one) => name.startsWith(one)));

/** CPU time of all threads of a process, in milliseconds. */
function cpuOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

async function startOnce({ argv }) {
  const cwd = mkdtempSync(join(tmpdir(), 'jackfield-startup-'));
  const began = performance.now();
  const child = spawn(process.execPath, argv, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const ended = once(child, 'exit');
    const failed = ended.then(() => Promise.reject(new Error(`${argv[0]} ended before it listened.`)));
    await Promise.race([once(child.stdout, 'data'), failed]);
    const measured = { wall: performance.now() - began, cpu: cpuOf(child.pid) };
    failed.catch(() => {});
    child.kill('SIGKILL');
    await ended;
    return measured;
  } finally {
    child.kill('SIGKILL');
    rmSync(cwd, { recursive: true, force: true });
  }
}

function quantile(numbers, part) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

const runs = new Map(names.map((name) => [name, []]));
// The first start of each program reads its files into the page cache.
for (const name of names) await startOnce(STARTS[name]);
for (let round = 0; round < rounds; round += 1) {
  for (const at of names.keys()) {
    const name = names[(at + round) % names.length];
    runs.get(name).push(await startOnce(STARTS[name]));
  }
}

const fixed = (ms) => ms.toFixed(0).padStart(6);
const width = Math.max(...names.map((name) => name.length));
console.log(`Node ${process.versions.node}, ${rounds} starts each, milliseconds until it listens`);
console.log(`${''.padEnd(width)}   wall    p90    CPU    p90`);
for (const [name, measured] of runs) {
  const wall = measured.map((one) => one.wall);
  const cpu = measured.map((one) => one.cpu);
  const figures = [quantile(wall, 0.5), quantile(wall, 0.9), quantile(cpu, 0.5), quantile(cpu, 0.9)];
  console.log(`${name.padEnd(width)} ${figures.map(fixed).join(' ')}`);
}
