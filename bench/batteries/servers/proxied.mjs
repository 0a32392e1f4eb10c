// The upstream of the proxies, on core 1 beside the load: nginx, and a server that echoes over WebSocket.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HERE = import.meta.dirname;

export const PROXIES = {
  jackfield: { command: [process.execPath, 'servers/proxy-jackfield.mjs'] },
  '@fastify/http-proxy': { command: [process.execPath, 'servers/proxy-fastify.mjs'] },
  nginx: { command: ['servers/proxy-nginx.sh'] },
};

/** @returns `prepare` of a case. @param command The upstream; it prints its port. */
export const upstream = (command) => async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jackfield-bench-'));
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public', 'small.txt'), 'No data in DB');
  writeFileSync(join(folder, 'public', 'large.bin'), Buffer.alloc(1_048_576, 'x'));
  const child = spawn('taskset', ['-c', '1', ...command], {
    cwd: HERE,
    env: { ...process.env, FOLDER: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await new Promise((resolve, reject) => {
    child.stdout.once('data', (...all) => resolve(all));
    child.once('exit', () => reject(new Error('the upstream did not start')));
  });
  const env = { UPSTREAM: `http://127.0.0.1:${String(text).trim()}`, FOLDER: folder };
  const remove = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  };
  return { env, remove };
};

export const NGINX = ['./upstream-nginx.sh'];
