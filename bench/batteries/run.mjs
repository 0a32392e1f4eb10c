/**
 * Compares plugins with other programs that do the same, case by case: the servers of a case on core 0, the load on
 * core 1, the servers in turn, round after round. The figure is CPU time of the server per request, in microseconds, of
 * all its threads: it swings far less than a rate.
 *
 *   node bench/batteries/run.mjs [--case static-4k,compress-18k] [--rounds 15] [--seconds 1] [--connections 32]
 *     [--only jackfield,nginx]
 *
 * Needs wrk and taskset (Debian: wrk, util-linux), `npm install` in bench/, and the programs that a case names.
 *
 * A case is a file in `cases/`. Its default export:
 *   title    what is measured
 *   path     of the request
 *   scheme   `https` (default: `http`)
 *   wrk      more arguments of wrk (default: none)
 *   load     a program that makes the load in place of wrk: `node FILE port connections seconds` prints what it counted
 *   servers  { name: { command, env, path } }; `jackfield` is compared with the others. `command` is run in this folder;
 *            the program prints its port when it listens. `path` is for servers that need another one.
 *   targets  { name: ratio }: how much of the other's cost is allowed at most
 *   prepare  async () => { env, remove }: called once before; `env` is for every server, `remove()` is called at the end
 */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuMicroseconds, load, loadWith, median, start } from '../measure.mjs';

const HERE = import.meta.dirname;
const all = readdirSync(join(HERE, 'cases')).map((file) => file.replace(/\.mjs$/, ''));

const { values } = parseArgs({
  options: {
    case: { type: 'string', default: all.join() },
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '32' },
    only: { type: 'string' },
  },
});

console.log(`Node ${process.version}; ${cpus().length} × ${cpus()[0].model}`);
let hasFailed = false;
for (const name of values.case.split(',')) {
  const { default: battery } = await import(`./cases/${name}.mjs`);
  await (battery.figure === undefined ? measure : measureFresh)(name, battery);
}
process.exitCode = hasFailed ? 1 : 0;

/** Starts a server for each figure. */
async function measureFresh(caseName, { title, servers, targets = {}, figure, unit }) {
  const names = values.only?.split(',') ?? Object.keys(servers);
  const running = new Map(names.map((name) => [name, { costs: [] }]));
  for (let round = 0; round < Math.min(3, Number(values.rounds)); round++)
    for (const name of names) {
      const server = await start({ ...servers[name], cwd: HERE });
      try {
        running.get(name).costs.push(await figure(server));
      } finally {
        server.child.kill('SIGKILL');
      }
    }
  report(caseName, title, running, targets, unit);
}

async function measure(
  caseName,
  { title, path, scheme, wrk = [], load: program, servers, targets = {}, prepare },
) {
  const prepared = await prepare?.();
  const run = (port, path, seconds) =>
    program === undefined
      ? load(port, path, wrk, values.connections, seconds, scheme)
      : loadWith(join(HERE, program), port, values.connections, seconds);
  const running = new Map();
  try {
    const names = values.only?.split(',') ?? Object.keys(servers);
    for (const name of names) {
      const { command, env } = servers[name];
      const server = await start({ command, cwd: HERE, env: { ...prepared?.env, ...env } });
      running.set(name, { ...server, path: servers[name].path ?? path, costs: [] });
    }
    for (const { port, path } of running.values()) await run(port, path, 1);
    for (let round = 0; round < Number(values.rounds); round++)
      for (const { child, port, path, costs } of running.values()) {
        const before = cpuMicroseconds(child.pid);
        const requests = await run(port, path, values.seconds);
        costs.push((cpuMicroseconds(child.pid) - before) / requests);
      }
  } finally {
    for (const { child } of running.values()) child.kill('SIGKILL');
    await prepared?.remove?.();
  }
  report(caseName, title, running, targets);
}

function report(caseName, title, running, targets, unit = 'µs CPU per request') {
  console.log(`\n### ${caseName}: ${title}\n`);
  console.log(`| server | ${unit}, median | min | jackfield is | at most |\n|---|---|---|---|---|`);
  const own = running.get('jackfield')?.costs;
  for (const [name, { costs }] of running) {
    const target = targets[name];
    // The median of the ratios within a round: what else the machine does changes from round to round.
    const ratio = own && name !== 'jackfield' ? median(own.map((cost, at) => cost / costs[at])) : undefined;
    if (ratio > target) hasFailed = true;
    console.log(
      `| ${name} | ${median(costs).toFixed(2)} | ${Math.min(...costs).toFixed(2)} | ${ratio?.toFixed(3) ?? ''} | ${target ?? ''} |`,
    );
  }
}
