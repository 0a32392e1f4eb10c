/**
 * Measures the cost of a request with 1 to 1,000 routes, and with 1 to 10,000 connections.
 *
 *   node bench/http/scale.mjs [--rounds 3] [--seconds 3]
 *
 * Needs wrk and taskset, and an open file limit above 10,100 (`ulimit -n`).
 */
import { parseArgs } from 'node:util';
import { costOf, median } from '../measure.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' } },
});
const server = (routes) => ({
  command: [process.execPath, 'servers/jackfield.mjs'],
  cwd: import.meta.dirname,
  env: { ROUTES: String(routes) },
});

async function table(title, sizes, cost) {
  const figures = new Map(sizes.map((size) => [size, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const size of sizes) figures.get(size).push(await cost(size));
  }
  console.log(`\n### ${title}\n\n| ${title} | µs CPU per request, median | of the first |\n|---|---|---|`);
  const first = median(figures.get(sizes[0]));
  for (const [size, all] of figures) {
    console.log(`| ${size} | ${median(all).toFixed(2)} | ${(median(all) / first).toFixed(2)} |`);
  }
}

const seconds = Number(values.seconds);
console.log(`Node ${process.version}`);
await table('routes', [1, 10, 100, 1_000], (routes) =>
  costOf(server(routes), { path: '/users/12345' }, 64, seconds),
);
const CONNECTIONS = [1, 10, 100, 1_000, 10_000];
await table('connections', CONNECTIONS, (connections) =>
  costOf(server(0), { path: '/' }, connections, seconds),
);
// The cost of the event loop and the kernel: the same load without any parsing.
const canned = { command: [process.execPath, 'servers/canned-net.mjs'], cwd: import.meta.dirname };
await table('connections, canned net', CONNECTIONS, (connections) =>
  costOf(canned, { path: '/' }, connections, seconds),
);
