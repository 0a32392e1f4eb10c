/** Starts a server on core 0, loads it from core 1, and reads its CPU time. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The program of the server prints its port. */
export async function start({ command, cwd, env = {} }) {
  const child = spawn('taskset', ['-c', '0', ...command], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise((resolve, reject) => {
    child.stdout.once('data', (text) => resolve(Number(String(text).trim())));
    child.once('exit', () => reject(new Error(`${command.at(-1)} did not start`)));
  });
  return { child, port };
}

/** User and system time of all threads, ended ones included, in microseconds. */
export function cpuMicroseconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

export const residentOctets = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

/** @returns the number of answered requests. */
export function load(port, path, script, connections, seconds, scheme = 'http') {
  const url = `${scheme}://127.0.0.1:${port}${path}`;
  const args = ['-c', '1', 'wrk', '-t1', `-c${connections}`, `-d${seconds}`, ...script, url];
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
    });
    child.on('exit', () => {
      const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
      if (!(requests > 0) || /Non-2xx/.test(text)) reject(new Error(`no clean load: ${text}`));
      else resolve(requests);
    });
  });
}

/** Runs a program of ours as the load. @returns the number that it prints: how much was answered. */
export function loadWith(program, ...args) {
  const command = ['-c', '1', process.execPath, program, ...args.map(String)];
  const count = Number(execFileSync('taskset', command, { encoding: 'utf8' }));
  if (!(count > 0)) throw new Error(`${program} counted nothing`);
  return count;
}

/** CPU time of the server per request, in microseconds, after a second of warm-up. */
export async function costOf(server, { path, wrk = [] }, connections, seconds) {
  const { child, port } = await start(server);
  try {
    await load(port, path, wrk, connections, 1);
    const before = cpuMicroseconds(child.pid);
    const requests = await load(port, path, wrk, connections, seconds);
    return (cpuMicroseconds(child.pid) - before) / requests;
  } finally {
    child.kill('SIGKILL');
  }
}

export const median = (figures) =>
  figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)];
