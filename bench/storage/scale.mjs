/**
 * Measures the cost of json-file for a number of entries: opening, a page of a listing, one write, a checkpoint during
 * writes, and memory. `node bench/storage/scale.mjs [entries …]`, after `npm run build`; the default is 1 thousand, 100
 * thousand and 1 million. Each number of entries has its own process.
 *
 * Wall and CPU time (user and system, all threads) of this process; the median of several.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { JsonFileAdapter } from '../../dist/storage-adapters/json-file/json-file.js';

const SELF = fileURLToPath(import.meta.url);
const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };
const [, , ...args] = process.argv;
if (args[0] === 'one') {
  console.log(JSON.stringify(await measure(Number(args[1]))));
} else {
  const rows = [];
  for (const entries of args.length > 0 ? args.map(Number) : [1_000, 100_000, 1_000_000]) {
    const { stdout, status } = spawnSync(process.execPath, ['--expose-gc', SELF, 'one', String(entries)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) process.exit(1);
    rows.push(JSON.parse(stdout));
  }
  for (const name of Object.keys(rows[0])) console.log([name, ...rows.map((row) => row[name])].join(' | '));
}

async function measure(entries) {
  const folder = await mkdtemp(join(tmpdir(), 'jackfield-scale-'));
  try {
    const path = join(folder, 'data.json');
    await writeData(path, entries);
    // Open once, so that the base exists and the next start is an ordinary one.
    const first = new JsonFileAdapter({ path, checkpoints: NEVER });
    await first.open();
    await first.commit({ puts: [{ key: 'first', value: 'x' }] });
    await first.close();
    globalThis.gc();
    const before = process.memoryUsage();
    const adapter = new JsonFileAdapter({ path, checkpoints: NEVER });
    const open = await timed(() => adapter.open());
    globalThis.gc();
    const after = process.memoryUsage();
    const middle = Math.floor(entries / 2);
    const page = await median(100, () => adapter.list({ after: middle, limit: 100 }));
    let number = 0;
    const change = () => {
      number += 1;
      return {
        puts: [
          { key: `key-${String((number * 7_919) % entries).padStart(8, '0')}`, value: valueFor(number) },
        ],
      };
    };
    // Warm up: otherwise the first writes pay for collecting the garbage of the opening.
    for (let warm = 0; warm < 500; warm += 1) await adapter.commit(change());
    const write = await median(1_000, () => adapter.commit(change()));
    const lag = monitorEventLoopDelay({ resolution: 1 });
    lag.enable();
    let written = 0;
    let slowest = 0;
    let merging = true;
    const checkpoint = timed(() => adapter.checkpoint()).finally(() => {
      merging = false;
    });
    while (merging) {
      const start = performance.now();
      await adapter.commit(change());
      slowest = Math.max(slowest, performance.now() - start);
      written += 1;
    }
    lag.disable();
    const { wall } = await checkpoint;
    const sizes = await Promise.all(
      (await readdir(folder))
        .filter((name) => /base|json$/.test(name))
        .map(async (name) => [name, (await stat(join(folder, name))).size]),
    );
    await adapter.close();
    const perEntry = (octets) => Math.round(octets / entries);
    return {
      entries,
      'data.json, MiB': round(sizes.find(([name]) => name === 'data.json')[1] / 1_048_576),
      'open, wall ms': round(open.wall),
      'open, CPU ms': round(open.cpu),
      'memory per entry, octets': perEntry(
        after.heapUsed + after.external - before.heapUsed - before.external,
      ),
      'page of 100 from the middle, wall µs': round(page.wall * 1_000),
      'one durable write, wall µs': round(write.wall * 1_000),
      'one durable write, CPU µs': round(write.cpu * 1_000),
      'checkpoint, wall ms': round(wall),
      'writes answered during it': written,
      'slowest of them, ms': round(slowest),
      'longest turn of the event loop during it, ms': round(lag.max / 1e6),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeData(path, entries) {
  const stream = createWriteStream(path);
  let text = '{\n';
  for (let number = 0; number < entries; number += 1) {
    const key = `key-${String(number).padStart(8, '0')}`;
    text += `${number === 0 ? '' : ',\n'}  "${key}": "${valueFor(number)}"`;
    if (text.length < 1_048_576) continue;
    if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve));
    text = '';
  }
  await new Promise((resolve) => stream.end(`${text}\n}\n`, resolve));
}

/** Ninety octets, different each time. */
function valueFor(number) {
  return `value ${number} `.padEnd(90, 'x');
}

async function timed(act) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await act();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { wall, cpu: (user + system) / 1_000 };
}

/** Wall time: median of all calls. CPU time: median of ten rounds of calls, because its clock is coarse. */
async function median(times, act) {
  const walls = [];
  const rounds = [];
  for (let round = 0; round < 10; round += 1) {
    let cpu = 0;
    for (let time = 0; time < times / 10; time += 1) {
      const spent = await timed(act);
      walls.push(spent.wall);
      cpu += spent.cpu;
    }
    rounds.push(cpu / (times / 10));
  }
  const middle = (all) => all.sort((one, other) => one - other)[all.length >> 1];
  return { wall: middle(walls), cpu: middle(rounds) };
}

function round(number) {
  return number < 10 ? Math.round(number * 100) / 100 : Math.round(number);
}
